// FileDescription: an open file (Linux: struct file): how it was opened, and where reading goes on. Descriptors that
// dup(2) made share one.
#pragma once

#include "kernel/scheduler.hpp"
#include "kernel/user_segments.hpp"
#include "kernel/vfs/epoll_links.hpp"
#include "kernel/vfs/inode.hpp"
#include "kernel/wait_queue.hpp"
#include "mm/file.hpp"
#include "mm/slab/kernel_object.hpp"

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fl::kernel {

struct Process;

// What open(2) leaves behind as O_LARGEFILE in the flags of every file (force_o_largefile).
inline constexpr int large_file_flag = 0x8000;

// fallocate(2)'s range; both are within the largest file size.
struct FileRange {
    std::uint64_t offset;
    std::uint64_t length_bytes;
};

// Who is to hear of it by a signal (struct fown_struct).
struct SignalOwner {
    int type = F_OWNER_PID;
    std::int32_t id = 0;
    int signal = 0;
};

class FileDescription {
public:
    // `flags` as open(2) has them: access mode, O_APPEND, O_NONBLOCK, ...
    FileDescription(DentryPointer dentry, int flags) : dentry_(std::move(dentry)), flags_(flags) { ++count_; }
    FileDescription(const FileDescription&) = delete;
    FileDescription& operator=(const FileDescription&) = delete;
    virtual ~FileDescription();

    // How many there are, of all machines: so that one that nobody closed is noticed.
    static std::size_t count() { return count_; }

    bool is_path_only() const { return (flags_ & O_PATH) != 0; }
    bool is_readable() const { return !is_path_only() && (flags_ & O_ACCMODE) != O_WRONLY; }
    bool is_writable() const { return !is_path_only() && (flags_ & O_ACCMODE) != O_RDONLY; }
    // nullptr for a stream of the host.
    const DentryPointer& dentry() const { return dentry_; }
    Inode* inode() const { return dentry_ ? dentry_->inode.get() : nullptr; }
    // What /proc/PID/fd/N leads to, as a text.
    virtual std::string path() const { return dentry_ ? dentry_->path() : std::string(); }

    // F_GETFL, F_SETFL (`flags` holds only what may be set).
    virtual Result<int> status_flags() const { return flags_; }
    virtual Result<void> set_status_flags(int flags);

    // Whether it has positions: else pread(2) and lseek(2) answer ESPIPE.
    virtual bool is_seekable() const { return true; }
    // Whether there is such an operation (FMODE_CAN_READ, FMODE_CAN_WRITE); what has none answers EINVAL.
    virtual bool can_read() const { return true; }
    virtual bool can_write() const { return true; }
    // Reads from `at` and moves it on. Short counts as read(2) gives them; the segments hold at least one byte
    // unless says otherwise. EISDIR, EINVAL where the file has no such operation.
    virtual Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at);
    virtual Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at);
    virtual Result<std::uint64_t> seek(System& system, std::int64_t offset, int whence);
    virtual Result<struct stat> status(const System& system) const;
    virtual Result<std::uint64_t> control(System& system, std::uint64_t request, std::uint64_t argument);  // ioctl
    virtual Result<void> synchronise() { return fail(Errno::einval); }                                     // fsync(2)
    // Whether splice(2) and sendfile(2) may write to it (splice_write).
    virtual bool takes_splices() const { return true; }
    // What mmap(2) maps. ENODEV where there is nothing. `file` nullptr: anonymous memory.
    struct Mappable {
        std::shared_ptr<mm::File> file{};
        bool write_sealed = false;  // F_SEAL_WRITE, F_SEAL_FUTURE_WRITE
    };
    virtual Result<Mappable> mappable(System& system);

    // The bits of poll(2) that hold now; regular files and devices never wait.
    virtual short ready_events() const { return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM; }
    // What is woken when these may have changed; and what of the host's has to be asked too.
    virtual std::vector<WaitQueue*> wait_queues() { return {}; }
    virtual std::optional<int> host_descriptor() const { return std::nullopt; }
    // For poll(2)'s `wanted`, where several of the host's are behind it (epoll).
    virtual std::vector<HostEvent> host_events(short wanted);
    // Whether epoll(7) can watch it (file_can_poll).
    virtual bool is_pollable() const { return false; }

    // What epoll instances have of it; they forget it when it goes (f_ep).
    EpollLinks& epoll_links() { return epoll_links_; }
    const EpollLinks& epoll_links() const { return epoll_links_; }
    // F_SETOWN and F_SETSIG: kept, and of no effect.
    SignalOwner signal_owner;

    // The process that it stands for (pidfd_open(2)), which may be over or even reaped; nullptr: none.
    virtual std::shared_ptr<Process> named_process() const { return nullptr; }
    // What opening /proc/PID/fd/N gives where there is no inode in the tree. `flags` as open(2) has them. ENXIO.
    virtual Result<std::shared_ptr<FileDescription>> reopen(System& system, int flags);
    // What /proc/PID/fdinfo/N says beyond what it says of all files: whole lines.
    virtual std::string info_text() const { return {}; }

    // What it takes of the machine's memory: a struct file, and for a file without a place in the tree what Linux makes
    // with it (`more`: a dentry, an inode). Once. ENOMEM, and then it is not to be used.
    Result<void> take_memory(mm::PhysicalMemory& memory, std::span<const mm::KernelObject> more = {});

    // Where read, write and lseek go on.
    std::uint64_t position = 0;

protected:
    int flags() const { return flags_; }

private:
    static inline std::size_t count_ = 0;

    DentryPointer dentry_;
    int flags_;
    EpollLinks epoll_links_;
    std::vector<mm::SlabObject> objects_;
};

// What Linux makes with a struct file for a file of its own kinds (anon_inode_getfile).
inline constexpr std::array nameless_objects{mm::KernelObject::dentry};

// What O_PATH opens: a place in the tree that nothing can be read from.
class PathDescription final : public FileDescription {
public:
    using FileDescription::FileDescription;
};

class DirectoryDescription final : public FileDescription {
public:
    using FileDescription::FileDescription;
    Result<std::uint64_t> read(System&, UserSegments&, std::uint64_t&) override { return fail(Errno::eisdir); }
    Result<std::uint64_t> seek(System& system, std::int64_t offset, int whence) override;
    Result<void> synchronise() override { return {}; }
};

// The arithmetic of lseek(2) for SEEK_SET, SEEK_CUR and SEEK_END (generic_file_llseek_size). EINVAL, EOVERFLOW.
Result<std::uint64_t> moved_position(std::uint64_t position, std::uint64_t size_bytes, std::int64_t offset, int whence);

using mm::max_file_bytes;

}  // namespace fl::kernel
