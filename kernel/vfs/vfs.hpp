// Vfs: the tree of files that a program sees: an in-memory root with /proc, /dev, /tmp and /etc. Nothing of the host's
// file system is in it but the program's own executable and what mount() puts there.
#pragma once

#include "kernel/net/unix_sockets.hpp"
#include "kernel/procfs.hpp"
#include "kernel/vfs/host_layer.hpp"
#include "kernel/vfs/host_tree.hpp"
#include "kernel/vfs/inode.hpp"
#include "kernel/vfs/record_locks.hpp"
#include "mm/file.hpp"

namespace fl::kernel {

class Vfs {
public:
    // As many inodes as tmpfs allows: one for each two pages of `memory`.
    Vfs(mm::FileRegistry& files, PageCount memory, std::uint64_t now_ns);
    Vfs(const Vfs&) = delete;
    Vfs& operator=(const Vfs&) = delete;
    ~Vfs();

    const DentryPointer& root() const { return root_; }
    mm::FileRegistry& files() { return files_; }
    // What memfd_create(2)'s files are in (shm_mnt).
    FileSystem& nameless_memory() { return nameless_fs_; }
    // Shows the program folders and files of the host. Call it before anybody holds the root. The error is one line.
    tl::expected<void, std::string> mount(const HostTree& tree);
    // What all epoll instances watch together, and how much that may be (max_user_watches).
    std::uint64_t& epoll_items() { return epoll_items_; }
    std::uint64_t max_epoll_items() const;
    // Who waits for whose record locks, and the sockets that have names or are under way.
    LockWaits& lock_waits() { return lock_waits_; }
    UnixSockets& unix_sockets() { return unix_sockets_; }
    // Where file systems begin, the root first (/proc/PID/mounts).
    std::vector<DentryPointer> mount_points() const;
    // sync(2)
    void write_back();
    // The directory at an absolute path, made where it is missing, which never changes the host; nullptr where a file
    // or /proc is in the way.
    DentryPointer make_directories(std::string_view path);
    // Puts the program's executable at its absolute path where it is not there already, and without a place in the tree
    // where nothing can be there.
    DentryPointer add_executable(const std::string& path, const struct stat& host_status,
                                 std::shared_ptr<mm::File> file);

    // Files and names that come from now on take memory (struct inode, struct dentry); what is there is the kernel's
    // own from the start.
    void account_to(mm::PhysicalMemory& memory);
    // The tree comes apart: nobody needs it any more. How many inodes in memory are left, which somebody still holds or
    // nobody counted down.
    std::uint64_t take_apart();

private:
    HostLayer& add_layer(HostAccess access, const std::shared_ptr<HostNode>& node);
    void mount_root(const HostRoot& root);
    tl::expected<void, std::string> mount_bind(const HostBind& bind);
    DentryPointer add(const DentryPointer& parent, std::string name, std::shared_ptr<Inode> inode);
    // A file that is there from the start; it cannot get longer or shorter.
    void add_text(const DentryPointer& parent, std::string name, std::string_view text);
    DentryPointer add_directory(const DentryPointer& parent, std::string name, FileSystem& file_system, mode_t mode);

    mm::FileRegistry& files_;
    std::uint64_t now_ns_;
    PageCount memory_;
    FileSystem root_fs_, device_fs_, shared_fs_, nameless_fs_;
    std::uint64_t epoll_items_ = 0;
    LockWaits lock_waits_;
    UnixSockets unix_sockets_;
    ProcFs proc_;
    std::vector<std::unique_ptr<HostLayer>> layers_;  // of the host
    DentryPointer root_;
    std::vector<std::weak_ptr<Dentry>> mounts_;  // what was put over another file system
};

}  // namespace fl::kernel
