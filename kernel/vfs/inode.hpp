// Inode, Dentry: files and their names (Linux: struct inode, struct dentry, struct super_block).
//
// An inode is a file; a dentry is a name for it at a place in the tree. Whoever holds a dentry keeps its inode and all
// directories above it. Directories in memory hold their children, so that a tree is a web of references that
// drop_tree() takes apart.
#pragma once

#include "kernel/credentials.hpp"
#include "kernel/vfs/file_locks.hpp"
#include "kernel/vfs/record_locks.hpp"
#include "mm/file.hpp"
#include "mm/slab/kernel_object.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fl::kernel {

struct System;
class ByteChannel;
class Dentry;
class Directory;
class FileDescription;
class HostNode;
class RegularFile;
class SymbolicLink;
class UnixSocket;
using DentryPointer = std::shared_ptr<Dentry>;

inline constexpr std::size_t max_name_bytes = 255;   // NAME_MAX
inline constexpr std::size_t max_path_bytes = 4095;  // PATH_MAX without the NUL

// What the files of one file system share. Inodes count against a limit, so that names cannot fill the host's memory.
struct FileSystem {
    const char* type;  // as /proc/filesystems names it
    std::uint32_t device_major;
    std::uint32_t device_minor;
    std::uint64_t magic;  // statfs(2)
    std::uint64_t max_inodes;
    mm::FileKind file_kind = mm::FileKind::memory;  // of the regular files made in it
    std::uint32_t block_bytes = page_size;          // st_blksize, by which a C library sizes its buffers
    int host_folder = -1;                           // that it shows, for statfs(2)
    bool read_only = false;                         // every change is EROFS
    std::uint64_t inode_count = 0;
    std::uint64_t last_inode = 0;
    mm::PhysicalMemory* memory = nullptr;  // where its inodes and names take theirs from now on; nullptr: nowhere

    dev_t device() const;
};

// What chmod(2), chown(2) and utimensat(2) set (struct iattr).
struct AttributeChange {
    std::optional<mode_t> permissions{};
    std::optional<std::uint32_t> uid{}, gid{};
    std::optional<std::uint64_t> accessed_ns{}, modified_ns{};
};

// What a new name is to stand for: a directory, a regular file, a FIFO, a socket's name or a symbolic link.
struct NewInode {
    mode_t mode;  // type and permissions; the umask is taken off
    std::string link_target{};
};

// access(2)'s bits.
inline constexpr unsigned may_exec = 1, may_write = 2, may_read = 4;

class Inode {
public:
    // Counts against the file system's limit for as long as it lives; ask has_room() first.
    Inode(FileSystem& file_system, mode_t mode, Owner owner, std::uint64_t now_ns);
    Inode(const Inode&) = delete;
    Inode& operator=(const Inode&) = delete;
    virtual ~Inode();

    static bool has_room(const FileSystem& file_system) { return file_system.inode_count < file_system.max_inodes; }

    // A new description of this file. `flags` as open(2) has them, already checked against the file's mode.
    virtual Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) = 0;
    virtual std::uint64_t size_bytes() const { return 0; }
    virtual std::uint64_t page_count() const { return 0; }  // that the file takes
    virtual Directory* directory() { return nullptr; }
    virtual SymbolicLink* symbolic_link() { return nullptr; }
    virtual RegularFile* regular_file() { return nullptr; }
    // Whether a size that truncate(2) sets is taken and means nothing (/proc, /sys).
    virtual bool ignores_resizing() const { return false; }
    // What the host has of it; nullptr for what is in memory alone.
    virtual const HostNode* host_node() const { return nullptr; }

    // Whether it has what it takes of the machine's memory; what is there before programs run takes none.
    bool is_accounted() const { return static_cast<bool>(object_); }
    const FileSystem& file_system() const { return file_system_; }
    FileSystem& file_system() { return file_system_; }
    std::uint64_t number() const { return number_; }
    void set_number(std::uint64_t number) { number_ = number; }
    mode_t mode() const { return mode_; }
    Owner owner() const { return owner_; }
    // Without anybody having changed the file: of the files of /proc, whose owners come and go.
    void set_owner(Owner owner) { owner_ = owner; }
    std::uint32_t link_count() const { return link_count_; }
    void set_link_count(std::uint32_t count) { link_count_ = count; }
    void set_device(dev_t device) { rdev_ = device; }
    virtual struct stat status() const;
    // Shows device, inode, owner, links and times of a file of the host.
    void take_identity(const struct stat& host_status);
    // chmod(2) and its like; the caller has checked that it may.
    virtual Result<void> change_attributes(const AttributeChange& change, std::uint64_t now_ns);
    FileLocks& locks() { return locks_; }
    RecordLocks& record_locks() { return record_locks_; }
    // EACCES where `wanted` (may_ bits) is not allowed (generic_permission).
    virtual Result<void> check_access(const Credentials& who, unsigned wanted) const {
        return who.check_file_access(owner_, mode_, wanted);
    }

    std::uint64_t accessed_ns, modified_ns, changed_ns;  // since 1970
    // While a FIFO is open, what is inside (i_pipe); the socket that is bound to a socket's name.
    std::weak_ptr<ByteChannel> pipe;
    std::weak_ptr<UnixSocket> bound_socket;

private:
    FileSystem& file_system_;
    std::uint64_t number_;
    mode_t mode_;
    Owner owner_;
    std::uint32_t link_count_ = 1;
    dev_t rdev_ = 0;
    dev_t device_;
    FileLocks locks_;
    RecordLocks record_locks_;
    mm::SlabObject object_;
};

class Dentry : public std::enable_shared_from_this<Dentry> {
public:
    Dentry(std::string dentry_name, DentryPointer dentry_parent, std::shared_ptr<Inode> dentry_inode);
    Dentry(const Dentry&) = delete;
    Dentry& operator=(const Dentry&) = delete;
    ~Dentry();

    // From the root; " (deleted)" is added where the name is gone (d_path).
    std::string path() const;
    bool is_mount_point() const;

    std::string name;
    DentryPointer parent;  // nullptr: a root, or a file that never had a name in the tree (memfd)
    std::shared_ptr<Inode> inode;
    bool unlinked = false;
    std::uint64_t position = 0;  // in its directory's list, from 2

private:
    mm::SlabObject object_;
};

struct DirectoryEntry {
    std::string name;
    std::uint64_t inode_number;
    mode_t mode;             // S_IFMT
    std::uint64_t position;  // from 2; ascending in a list, and does not change while the name is there
};

class Directory : public Inode {
public:
    Directory(FileSystem& file_system, mode_t permissions, Owner owner, std::uint64_t now_ns)
        : Inode(file_system, S_IFDIR | permissions, owner, now_ns) {
        set_link_count(2);
    }
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
    Directory* directory() override { return this; }

    // nullptr: no such name. `self` is the dentry that this directory was reached by.
    virtual DentryPointer find(const System& system, const DentryPointer& self, std::string_view name) = 0;
    // find() where the host may say why it does not answer. EACCES, ENFILE, EIO, ...
    virtual Result<DentryPointer> lookup(const System& system, const DentryPointer& self, std::string_view name) {
        return find(system, self, name);
    }
    // All but "." and "..".
    virtual std::vector<DirectoryEntry> list(const System& system) = 0;
    // Whether names can be added and removed: else open answers EACCES, mkdir and unlink EPERM.
    virtual bool is_writable() const { return false; }
    // The name is not there yet / there; only where is_writable().
    virtual void add(const DentryPointer& child);
    virtual void remove(const Dentry& child);
    virtual bool is_empty() const { return false; }
    // What has to be done before add() and remove(); where it fails nothing has changed. A directory in memory makes an
    // inode and is done; one that stands for a directory of the host changes that.
    virtual Result<std::shared_ptr<Inode>> create(System& system, std::string_view name, const NewInode& what);
    virtual Result<void> prepare_link(Inode& /*inode*/, std::string_view /*name*/) { return {}; }
    virtual Result<void> prepare_remove(const Dentry& /*child*/) { return {}; }
    virtual Result<void> prepare_rename(const Dentry& /*child*/, Directory& /*to*/, std::string_view /*name*/,
                                        bool /*exchange*/) {
        return {};
    }
    // Whether its files are the host's, so that what is only in memory cannot get a name in it.
    virtual bool is_of_host() const { return false; }
    // The children that it alone keeps, so that a tree can be taken apart.
    virtual std::vector<DentryPointer> take_children() { return {}; }
};

class SymbolicLink : public Inode {
public:
    SymbolicLink(FileSystem& file_system, Owner owner, std::uint64_t now_ns)
        : Inode(file_system, S_IFLNK | 0777, owner, now_ns) {}
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
    SymbolicLink* symbolic_link() override { return this; }

    // What readlink(2) answers.
    virtual Result<std::string> text(const System& system) const = 0;
    // Where following leads: a path, or for the links of /proc the file itself.
    using Target = std::variant<std::string, DentryPointer>;
    virtual Result<Target> follow(const System& system) const;
};

// A directory in memory.
class MemoryDirectory final : public Directory {
public:
    using Directory::Directory;
    DentryPointer find(const System& system, const DentryPointer& self, std::string_view name) override;
    std::vector<DirectoryEntry> list(const System& system) override;
    bool is_writable() const override { return true; }
    void add(const DentryPointer& child) override;
    void remove(const Dentry& child) override;
    bool is_empty() const override { return children_.empty(); }
    std::uint64_t size_bytes() const override;
    using Children = std::map<std::string, DentryPointer, std::less<>>;
    const Children& children() const { return children_; }
    std::vector<DentryPointer> take_children() override;

private:
    Children children_;
    std::uint64_t last_position_ = 1;
};

class MemoryLink final : public SymbolicLink {
public:
    MemoryLink(FileSystem& file_system, Owner owner, std::uint64_t now_ns, std::string target)
        : SymbolicLink(file_system, owner, now_ns), target_(std::move(target)) {}
    Result<std::string> text(const System&) const override { return target_; }
    std::uint64_t size_bytes() const override { return target_.size(); }

private:
    std::string target_;
};

// A FIFO or a socket's name, which cannot be opened (ENXIO).
class SpecialNode final : public Inode {
public:
    using Inode::Inode;
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
};

// Takes the tree below `root` apart, so that nothing in it refers to itself any more.
void drop_tree(const DentryPointer& root);

}  // namespace fl::kernel
