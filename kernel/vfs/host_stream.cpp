#include "kernel/vfs/host_stream.hpp"

#include "kernel/host_signals.hpp"
#include "kernel/processes.hpp"
#include "kernel/terminal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace fl::kernel {

namespace {

constexpr std::uint64_t write_chunk_bytes = 64 << 10;
constexpr std::uint64_t read_chunk_bytes = 1 << 20;

Errno host_error() { return static_cast<Errno>(errno); }

StreamKind kind_of(int host_fd) {
    struct stat status {};
    if (::fstat(host_fd, &status) != 0) return StreamKind::other;
    if (S_ISREG(status.st_mode)) return StreamKind::regular;
    if (S_ISFIFO(status.st_mode)) return StreamKind::pipe;
    // Linux: Documentation/admin-guide/devices.txt, 1 char, 3 = /dev/null.
    if (S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(1, 3)) return StreamKind::null_device;
    return StreamKind::other;
}

// What a signal ended before anything was done may be made again once the signal is dealt with.
Result<std::uint64_t> restartable(System& system, const Result<std::uint64_t>& result) {
    if (!result && result.error() == Errno::eintr) (void)interrupted(system.task);
    return result;
}

}  // namespace

std::shared_ptr<HostStream> HostStream::of(int host_fd) {
    const int flags = ::fcntl(host_fd, F_GETFL);
    if (flags < 0) return nullptr;
    return std::make_shared<HostStream>(host_fd, flags & (O_ACCMODE | O_APPEND), kind_of(host_fd));
}

std::string HostStream::path() const {
    std::array<char, max_path_bytes> text{};
    const ssize_t size = ::readlink(fmt::format("/proc/self/fd/{}", host_fd_).c_str(), text.data(), text.size());
    return size < 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

Result<int> HostStream::status_flags() const {
    const int host_flags = ::fcntl(host_fd_, F_GETFL);
    if (host_flags < 0) return fail(host_error());
    return host_flags | (flags() & O_NONBLOCK);
}

Result<void> HostStream::check_ready(short events) const {
    if ((flags() & O_NONBLOCK) == 0) return {};
    pollfd wanted{host_fd_, events, 0};
    return ::poll(&wanted, 1, 0) == 0 ? fail(Errno::eagain) : Result<void>{};
}

short HostStream::ready_events() const {
    pollfd asked{host_fd_, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0};
    return ::poll(&asked, 1, 0) > 0 ? asked.revents : short{0};
}

// The host's descriptor is waited for like anything else, so that others run and time limits hold meanwhile.
Result<void> HostStream::let_others_run(System& system, short events) const {
    if (kind_ == StreamKind::regular || (flags() & O_NONBLOCK) != 0) return {};
    for (;;) {
        pollfd asked{host_fd_, events, 0};
        if (::poll(&asked, 1, 0) != 0) return {};
        // Whoever gave us the stream may not want to wait: the host's own call says so.
        if ((::fcntl(host_fd_, F_GETFL) & O_NONBLOCK) != 0) return {};
        const std::array<HostEvent, 1> host_events{{{host_fd_, events}}};
        if (system.scheduler.wait(system.task, {.host_events = host_events}) == WakeReason::signal) {
            return fail(interrupted(system.task));
        }
    }
}

// write(2) on the host until it takes something. A signal that is not relayed to the guest is none of its business.
Result<std::uint64_t> HostStream::write_to_host(std::span<const std::byte> bytes, const std::uint64_t* place) const {
    if (auto ready = check_ready(POLLOUT); !ready) return fail(ready.error());
    for (;;) {
        const ssize_t written = place == nullptr
                                    ? ::write(host_fd_, bytes.data(), bytes.size())
                                    : ::pwrite(host_fd_, bytes.data(), bytes.size(), static_cast<off_t>(*place));
        if (written >= 0) return static_cast<std::uint64_t>(written);
        if (errno != EINTR || HostSignals::arrived()) return fail(host_error());
    }
}

Result<std::uint64_t> HostStream::read_from_host(std::span<std::byte> into, const std::uint64_t* place) const {
    if (auto ready = check_ready(POLLIN); !ready) return fail(ready.error());
    for (;;) {
        const ssize_t got = place == nullptr ? ::read(host_fd_, into.data(), into.size())
                                             : ::pread(host_fd_, into.data(), into.size(), static_cast<off_t>(*place));
        if (got >= 0) return static_cast<std::uint64_t>(got);
        if (errno != EINTR || HostSignals::arrived()) return fail(host_error());
    }
}

// How much of what could be read from guest memory a stream takes. A pipe fills whole pages, and drops one that it
// cannot fill (anon_pipe_write).
std::uint64_t HostStream::usable_bytes(std::uint64_t gathered, std::uint64_t wanted) const {
    if (gathered == wanted || kind_ != StreamKind::pipe) return gathered;
    return gathered & ~page_mask;
}

Result<std::shared_ptr<FileDescription>> HostStream::reopen(System&, int flags) {
    const int wanted = flags & O_ACCMODE, granted = this->flags() & O_ACCMODE;
    if (granted != O_RDWR && wanted != granted) return fail(Errno::eacces);
    auto again = std::make_shared<HostStream>(host_fd_, flags, kind_);
    again->set_terminal(terminal_);
    return again;
}

Result<std::uint64_t> HostStream::write(System& system, UserSegments& from, std::uint64_t& at) {
    if (terminal_ != nullptr) {
        if (auto may = terminal_->check_write(system); !may) return fail(may.error());
    }
    if (auto ready = let_others_run(system, POLLOUT); !ready) return fail(ready.error());
    const std::uint64_t* place = explicit_place(at);
    // Even an empty write reaches the host, which may refuse it.
    if (from.bytes_left() == 0) return write_to_host({}, place);
    // /dev/null takes bytes without looking at them, and so touches no page.
    if (kind_ == StreamKind::null_device) return from.bytes_left();
    system.transfer.resize(std::max<std::size_t>(system.transfer.size(), write_chunk_bytes));
    std::uint64_t done = 0, place_now = place != nullptr ? *place : 0;
    while (from.bytes_left() > 0) {
        const std::uint64_t wanted = std::min(from.bytes_left(), write_chunk_bytes);
        const auto chunk = std::span(system.transfer).first(wanted);
        const std::uint64_t usable = usable_bytes(from.copy_from_guest(chunk), wanted);
        if (usable == 0) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
        const auto written = write_to_host(chunk.first(usable), place != nullptr ? &place_now : nullptr);
        if (!written) {
            // Nobody reads the other end any more.
            if (written.error() == Errno::epipe) signal_self(system.task, SIGPIPE);
            return done > 0 ? Result<std::uint64_t>(done) : restartable(system, written);
        }
        done += *written;
        place_now += *written;
        if (*written < wanted) break;
    }
    return done;
}

Result<std::uint64_t> HostStream::read(System& system, UserSegments& into, std::uint64_t& at) {
    if (terminal_ != nullptr) {
        if (auto may = terminal_->check_read(system); !may) return fail(may.error());
    }
    if (auto ready = let_others_run(system, POLLIN); !ready) return fail(ready.error());
    const std::uint64_t* place = explicit_place(at);
    std::uint64_t done = 0, place_now = place != nullptr ? *place : 0;
    do {
        const std::uint64_t wanted = std::min(into.bytes_left(), read_chunk_bytes);
        system.transfer.resize(std::max<std::size_t>(system.transfer.size(), wanted));
        const auto got =
            read_from_host(std::span(system.transfer).first(wanted), place != nullptr ? &place_now : nullptr);
        if (!got) return done > 0 ? Result<std::uint64_t>(done) : restartable(system, got);
        const std::uint64_t copied = into.copy_to_guest(std::span<const std::byte>(system.transfer).first(*got));
        done += copied;
        place_now += copied;
        if (copied < *got) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
        if (*got < wanted) break;
        // Only a regular file is sure not to wait for more.
    } while (into.bytes_left() > 0 && kind_ == StreamKind::regular);
    return done;
}

Result<std::uint64_t> HostStream::seek(System&, std::int64_t offset, int whence) {
    const off_t moved = ::lseek(host_fd_, offset, whence);
    if (moved < 0) return fail(host_error());
    return static_cast<std::uint64_t>(moved);
}

// struct stat is the same for the host and the guest.
Result<struct stat> HostStream::status(const System&) const {
    struct stat status {};
    if (::fstat(host_fd_, &status) != 0) return fail(host_error());
    return status;
}

Result<std::uint64_t> HostStream::control(System& system, std::uint64_t request, std::uint64_t argument) {
    if (terminal_ != nullptr) return terminal_->control(system, host_fd_, request, argument);
    if (request != FIONREAD) return fail(Errno::enotty);
    std::int32_t count = 0;
    if (::ioctl(host_fd_, FIONREAD, &count) != 0) return fail(host_error());
    if (auto done = system.user().write(VirtAddr(argument), count); !done) return fail(done.error());
    return 0;
}

}  // namespace fl::kernel
