// Input and output on the standard streams, straight through to the host's (Linux: fs/read_write.c, fs/pipe.c,
// fs/stat.c).
#include "kernel/host_signals.hpp"
#include "kernel/syscalls.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace fl::kernel {

namespace {

constexpr std::uint64_t max_transfer_bytes = 0x7fff'f000;  // MAX_RW_COUNT
constexpr std::uint64_t max_segments = 1024;               // UIO_MAXIOV
constexpr std::uint64_t write_chunk_bytes = 64 << 10;
constexpr std::uint64_t read_chunk_bytes = 1 << 20;
constexpr std::uint64_t max_path_bytes = 4095;  // PATH_MAX without the NUL

// struct iovec: a piece of guest memory. Once checked it lies in the user half.
struct Segment {
    std::uint64_t base;
    std::uint64_t size_bytes;
};
using Segments = std::vector<Segment>;

Errno host_error() { return static_cast<Errno>(errno); }

bool in_user_half(const Segment& segment) {
    const std::uint64_t end = mm::task_size.value();
    return segment.size_bytes <= end && segment.base <= end - segment.size_bytes;
}

// import_ubuf(): the one segment of read(2) and write(2).
Result<Segments> single_segment(std::uint64_t base, std::uint64_t size_bytes) {
    if (!in_user_half({base, size_bytes})) return fail(Errno::efault);
    return Segments{{base, std::min(size_bytes, max_transfer_bytes)}};
}

// import_iovec(): EINVAL for too many or a negative size, EFAULT; together they hold max_transfer_bytes at most.
Result<Segments> read_segments(System& system, std::uint64_t address, std::uint64_t count) {
    if (count > max_segments) return fail(Errno::einval);
    Segments segments(count);
    if (auto done = system.user().copy_from(VirtAddr(address), std::as_writable_bytes(std::span(segments))); !done) {
        return fail(done.error());
    }
    std::uint64_t room = max_transfer_bytes;
    for (Segment& segment : segments) {
        if (segment.size_bytes > std::numeric_limits<std::int64_t>::max()) return fail(Errno::einval);
        if (!in_user_half(segment)) return fail(Errno::efault);
        segment.size_bytes = std::min(segment.size_bytes, room);
        room -= segment.size_bytes;
    }
    return segments;
}

// A place in a list of segments that moves forward as bytes are copied.
class Cursor {
public:
    explicit Cursor(const Segments& segments) : segments_(segments) {
        for (const Segment& segment : segments) left_ += segment.size_bytes;
    }
    std::uint64_t bytes_left() const { return left_; }

    // Copies with copy(address, bytes) -> bytes that worked, until `bytes` is used up or guest memory fails.
    template <class Bytes, class Copy>
    std::uint64_t transfer(std::span<Bytes> bytes, Copy&& copy) {
        std::uint64_t done = 0;
        while (done < bytes.size() && index_ < segments_.size()) {
            const Segment& segment = segments_[index_];
            const std::uint64_t part = std::min(segment.size_bytes - offset_, bytes.size() - done);
            const std::uint64_t copied = copy(VirtAddr(segment.base + offset_), bytes.subspan(done, part));
            done += copied;
            offset_ += copied;
            left_ -= copied;
            if (copied < part) break;
            if (offset_ == segment.size_bytes) {
                ++index_;
                offset_ = 0;
            }
        }
        return done;
    }

private:
    const Segments& segments_;
    std::size_t index_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t left_ = 0;
};

// write(2) on the host until it takes something. A signal that is not relayed to the guest is none of its business.
Result<std::uint64_t> write_to_host(int host_fd, std::span<const std::byte> bytes) {
    for (;;) {
        const ssize_t written = ::write(host_fd, bytes.data(), bytes.size());
        if (written >= 0) return static_cast<std::uint64_t>(written);
        if (errno != EINTR || HostSignals::arrived()) return fail(host_error());
    }
}

Result<std::uint64_t> read_from_host(int host_fd, std::span<std::byte> into) {
    for (;;) {
        const ssize_t got = ::read(host_fd, into.data(), into.size());
        if (got >= 0) return static_cast<std::uint64_t>(got);
        if (errno != EINTR || HostSignals::arrived()) return fail(host_error());
    }
}

// What a signal ended before anything was done may be made again once the signal is dealt with.
Result<std::uint64_t> restartable(System& system, const Result<std::uint64_t>& result) {
    if (!result && result.error() == Errno::eintr) system.task.restart_call = system.task.registers.rax;
    return result;
}

// Nobody reads the other end any more: EPIPE, and SIGPIPE as from the process itself.
void send_sigpipe(System& system) {
    Task& task = system.task;
    const SignalInfo info{.number = SIGPIPE,
                          .code = si_code_user,
                          .detail = SignalInfo::Detail::sender,
                          .pid = task.pid,
                          .uid = task.uid};
    // A standard signal needs no room in a queue.
    (void)task.signals.send(SignalQueue::thread, info, 0);
}

// How much of what could be read from guest memory a stream takes. A pipe fills whole pages, and drops one that it
// cannot fill (anon_pipe_write).
std::uint64_t usable_bytes(StreamKind kind, std::uint64_t gathered, std::uint64_t wanted) {
    if (gathered == wanted || kind != StreamKind::pipe) return gathered;
    return gathered & ~page_mask;
}

Result<std::uint64_t> write_segments(System& system, const Descriptor& file, const Segments& segments) {
    Cursor cursor(segments);
    // Even an empty write reaches the host, which may refuse it.
    if (cursor.bytes_left() == 0) return write_to_host(file.host_fd, {});
    // /dev/null takes bytes without looking at them, and so touches no page.
    if (file.kind == StreamKind::null_device) return cursor.bytes_left();
    system.transfer.resize(std::max<std::size_t>(system.transfer.size(), write_chunk_bytes));
    std::uint64_t done = 0;
    while (cursor.bytes_left() > 0) {
        const std::uint64_t wanted = std::min(cursor.bytes_left(), write_chunk_bytes);
        const auto chunk = std::span(system.transfer).first(wanted);
        const std::uint64_t gathered = cursor.transfer(
            chunk, [&](VirtAddr at, std::span<std::byte> part) { return system.user().copy_from_partial(at, part); });
        const std::uint64_t usable = usable_bytes(file.kind, gathered, wanted);
        if (usable == 0) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
        const auto written = write_to_host(file.host_fd, chunk.first(usable));
        if (!written) {
            if (written.error() == Errno::epipe) send_sigpipe(system);
            return done > 0 ? Result<std::uint64_t>(done) : restartable(system, written);
        }
        done += *written;
        if (*written < wanted) break;
    }
    return done;
}

Result<std::uint64_t> read_into_segments(System& system, const Descriptor& file, const Segments& segments) {
    Cursor cursor(segments);
    std::uint64_t done = 0;
    do {
        const std::uint64_t wanted = std::min(cursor.bytes_left(), read_chunk_bytes);
        system.transfer.resize(std::max<std::size_t>(system.transfer.size(), wanted));
        const auto got = read_from_host(file.host_fd, std::span(system.transfer).first(wanted));
        if (!got) return done > 0 ? Result<std::uint64_t>(done) : restartable(system, got);
        const std::uint64_t copied = cursor.transfer(
            std::span<const std::byte>(system.transfer).first(*got),
            [&](VirtAddr at, std::span<const std::byte> part) { return system.user().copy_to_partial(at, part); });
        done += copied;
        if (copied < *got) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
        if (*got < wanted) break;
        // Only a regular file is sure not to wait for more.
    } while (cursor.bytes_left() > 0 && file.kind == StreamKind::regular);
    return done;
}

Result<Descriptor> find_writable(const System& system, std::uint64_t fd) {
    auto file = system.task.files.find(fd);
    if (file && !file->writable) return fail(Errno::ebadf);
    return file;
}

Result<Descriptor> find_readable(const System& system, std::uint64_t fd) {
    auto file = system.task.files.find(fd);
    if (file && !file->readable) return fail(Errno::ebadf);
    return file;
}

std::uint64_t file_limit(const System& system) { return soft_limit(system.task.limits, Limit::open_files); }

// struct stat is the same for the host and the guest.
Result<std::uint64_t> write_status(System& system, const Descriptor& file, std::uint64_t target) {
    struct stat status {};
    if (::fstat(file.host_fd, &status) != 0) return fail(host_error());
    return answer(system.user().write(VirtAddr(target), status));
}

bool names_own_executable(const Task& task, const std::string& path) {
    return path == "/proc/self/exe" || path == "/proc/thread-self/exe" ||
           path == "/proc/" + std::to_string(task.pid) + "/exe";
}

// The size of what a terminal request answers with; 0 for one that is not answered.
std::size_t ioctl_answer_bytes(std::uint64_t request) {
    switch (request) {
        case 0x5401: return 36;       // TCGETS: struct termios as the kernel has it
        case 0x802c'542a: return 44;  // TCGETS2
        case TIOCGWINSZ: return sizeof(winsize);
        case FIONREAD: return sizeof(int);
        default: return 0;
    }
}

}  // namespace

Result<std::uint64_t> sys_read(System& system, const Arguments& a) {
    const auto file = find_readable(system, a[0]);
    if (!file) return fail(file.error());
    const auto segments = single_segment(a[1], a[2]);
    if (!segments) return fail(segments.error());
    return read_into_segments(system, *file, *segments);
}

Result<std::uint64_t> sys_write(System& system, const Arguments& a) {
    const auto file = find_writable(system, a[0]);
    if (!file) return fail(file.error());
    const auto segments = single_segment(a[1], a[2]);
    if (!segments) return fail(segments.error());
    return write_segments(system, *file, *segments);
}

Result<std::uint64_t> sys_readv(System& system, const Arguments& a) {
    const auto file = find_readable(system, a[0]);
    if (!file) return fail(file.error());
    const auto segments = read_segments(system, a[1], a[2]);
    if (!segments) return fail(segments.error());
    return read_into_segments(system, *file, *segments);
}

Result<std::uint64_t> sys_writev(System& system, const Arguments& a) {
    const auto file = find_writable(system, a[0]);
    if (!file) return fail(file.error());
    const auto segments = read_segments(system, a[1], a[2]);
    if (!segments) return fail(segments.error());
    return write_segments(system, *file, *segments);
}

Result<std::uint64_t> sys_close(System& system, const Arguments& a) { return answer(system.task.files.close(a[0])); }

Result<std::uint64_t> sys_lseek(System& system, const Arguments& a) {
    const auto file = system.task.files.find(a[0]);
    if (!file) return fail(file.error());
    const off_t offset = ::lseek(file->host_fd, static_cast<off_t>(a[1]), int_argument(a[2]));
    if (offset < 0) return fail(host_error());
    return static_cast<std::uint64_t>(offset);
}

Result<std::uint64_t> sys_dup(System& system, const Arguments& a) {
    return system.task.files.duplicate(a[0], 0, file_limit(system), false);
}

Result<std::uint64_t> sys_dup2(System& system, const Arguments& a) {
    // Onto itself it only checks the descriptor.
    if (static_cast<std::uint32_t>(a[0]) == static_cast<std::uint32_t>(a[1])) {
        const auto file = system.task.files.find(a[0]);
        if (!file) return fail(file.error());
        return static_cast<std::uint32_t>(a[0]);
    }
    return system.task.files.duplicate_to(a[0], a[1], file_limit(system), false);
}

Result<std::uint64_t> sys_dup3(System& system, const Arguments& a) {
    const std::int32_t flags = int_argument(a[2]);
    if ((flags & ~O_CLOEXEC) != 0) return fail(Errno::einval);
    if (static_cast<std::uint32_t>(a[0]) == static_cast<std::uint32_t>(a[1])) return fail(Errno::einval);
    return system.task.files.duplicate_to(a[0], a[1], file_limit(system), flags != 0);
}

Result<std::uint64_t> sys_fcntl(System& system, const Arguments& a) {
    FileTable& files = system.task.files;
    const auto file = files.find(a[0]);
    if (!file) return fail(file.error());
    switch (int_argument(a[1])) {
        case F_DUPFD: return files.duplicate(a[0], static_cast<std::uint32_t>(a[2]), file_limit(system), false);
        case F_DUPFD_CLOEXEC: return files.duplicate(a[0], static_cast<std::uint32_t>(a[2]), file_limit(system), true);
        case F_GETFD: return file->close_on_exec ? FD_CLOEXEC : 0;
        case F_SETFD: return answer(files.set_close_on_exec(a[0], (a[2] & FD_CLOEXEC) != 0));
        case F_GETFL: {
            const int flags = ::fcntl(file->host_fd, F_GETFL);
            if (flags < 0) return fail(host_error());
            return static_cast<std::uint64_t>(flags);
        }
        default: return fail(Errno::einval);
    }
}

Result<std::uint64_t> sys_fstat(System& system, const Arguments& a) {
    const auto file = system.task.files.find(a[0]);
    if (!file) return fail(file.error());
    return write_status(system, *file, a[1]);
}

// Without a file system only a descriptor itself has a status: an empty path with AT_EMPTY_PATH.
Result<std::uint64_t> sys_newfstatat(System& system, const Arguments& a) {
    constexpr std::int32_t known_flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | 0x6000;  // AT_STATX_*
    const std::int32_t flags = int_argument(a[3]);
    if ((flags & ~known_flags) != 0) return fail(Errno::einval);
    const bool empty_allowed = (flags & AT_EMPTY_PATH) != 0;
    // Since Linux 6.11 a null pointer is an empty path.
    if (a[1] != 0 || !empty_allowed) {
        const auto path = system.user().read_string(VirtAddr(a[1]), max_path_bytes);
        if (!path) return fail(path.error());
        if (!path->empty() || !empty_allowed) return fail(Errno::enoent);
    }
    const auto file = system.task.files.find(a[0]);
    if (!file) return fail(file.error());
    return write_status(system, *file, a[2]);
}

// A terminal is the host's, and is asked by the kernel's own request: the C library's structures differ.
Result<std::uint64_t> sys_ioctl(System& system, const Arguments& a) {
    const auto file = system.task.files.find(a[0]);
    if (!file) return fail(file.error());
    const std::uint64_t request = static_cast<std::uint32_t>(a[1]);
    const std::size_t size_bytes = ioctl_answer_bytes(request);
    if (size_bytes == 0) return fail(Errno::enotty);
    std::array<std::byte, 64> answered{};
    if (::syscall(SYS_ioctl, file->host_fd, request, answered.data()) != 0) return fail(host_error());
    return answer(system.user().copy_to(VirtAddr(a[2]), std::span(answered).first(size_bytes)));
}

// do_readlinkat(). The one link that there is without a file system is the program itself.
Result<std::uint64_t> sys_readlinkat(System& system, const Arguments& a) {
    const std::int32_t size_bytes = int_argument(a[3]);
    if (size_bytes <= 0) return fail(Errno::einval);
    const auto path = system.user().read_string(VirtAddr(a[1]), max_path_bytes);
    if (!path) return fail(path.error());
    const Task& task = system.task;
    if (!names_own_executable(task, *path)) {
        const bool relative = !path->starts_with('/');
        if (relative && int_argument(a[0]) != AT_FDCWD) {
            const auto file = task.files.find(a[0]);
            if (!file) return fail(file.error());
            if (!path->empty()) return fail(Errno::enotdir);
        }
        return fail(Errno::enoent);
    }
    const std::uint64_t count = std::min<std::uint64_t>(task.executable.size(), static_cast<std::uint64_t>(size_bytes));
    const auto bytes = std::as_bytes(std::span(task.executable)).first(count);
    if (auto done = system.user().copy_to(VirtAddr(a[2]), bytes); !done) return fail(done.error());
    return count;
}

Result<std::uint64_t> sys_readlink(System& system, const Arguments& a) {
    return sys_readlinkat(system, Arguments{static_cast<std::uint64_t>(AT_FDCWD), a[0], a[1], a[2]});
}

}  // namespace fl::kernel
