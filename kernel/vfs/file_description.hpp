// FileDescription: an open file (Linux: struct file): how it was opened, and where reading goes on. Descriptors that
// dup(2) made share one.
#pragma once

#include "kernel/user_segments.hpp"
#include "kernel/vfs/inode.hpp"
#include "kernel/wait_queue.hpp"
#include "mm/file.hpp"

#include <fcntl.h>
#include <poll.h>

#include <optional>
#include <vector>

namespace fl::kernel {

// What open(2) leaves behind as O_LARGEFILE in the flags of every file (force_o_largefile).
inline constexpr int large_file_flag = 0x8000;

// fallocate(2)'s range; both are within the largest file size.
struct FileRange {
    std::uint64_t offset;
    std::uint64_t length_bytes;
};

class FileDescription {
public:
    // `flags` as open(2) has them: access mode, O_APPEND, O_NONBLOCK, ...
    FileDescription(DentryPointer dentry, int flags) : dentry_(std::move(dentry)), flags_(flags) {}
    FileDescription(const FileDescription&) = delete;
    FileDescription& operator=(const FileDescription&) = delete;
    virtual ~FileDescription();

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
    // Reads from `at` and moves it on. Short counts as read(2) gives them; the segments hold at least one byte
    // unless says otherwise. EISDIR, EINVAL where the file has no such operation.
    virtual Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at);
    virtual Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at);
    virtual Result<std::uint64_t> seek(System& system, std::int64_t offset, int whence);
    virtual Result<struct stat> status(const System& system) const;
    virtual Result<std::uint64_t> control(System& system, std::uint64_t request, std::uint64_t argument);  // ioctl
    virtual Result<void> synchronise() { return fail(Errno::einval); }                                     // fsync(2)
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

    // The process that it stands for (a pidfd); nullopt: none.
    virtual std::optional<std::uint32_t> process_number() const { return std::nullopt; }

    // Where read, write and lseek go on.
    std::uint64_t position = 0;

protected:
    int flags() const { return flags_; }

private:
    DentryPointer dentry_;
    int flags_;
};

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
