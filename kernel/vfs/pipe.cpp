#include "kernel/vfs/pipe.hpp"

#include "kernel/system.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <limits>

namespace fl::kernel {

NamelessFile nameless_file(System& system, mode_t mode) {
    FileSystem& file_system = system.vfs.nameless_memory();
    return NamelessFile{++file_system.last_inode, mode, system.clock.realtime_ns()};
}

Result<struct stat> NamelessDescription::status(const System& system) const {
    struct stat status {};
    // pipefs and its like have devices of their own.
    status.st_dev = ::makedev(0, 14);
    status.st_ino = file_.inode;
    status.st_mode = file_.mode;
    status.st_nlink = 1;
    status.st_uid = system.task.credentials.user.file_system;
    status.st_gid = system.task.credentials.group.file_system;
    status.st_blksize = page_size;
    constexpr std::uint64_t ns_per_second = 1'000'000'000;
    status.st_atim = {static_cast<time_t>(file_.made_ns / ns_per_second),
                      static_cast<long>(file_.made_ns % ns_per_second)};
    status.st_mtim = status.st_ctim = status.st_atim;
    return status;
}

ChannelDescription::ChannelDescription(int flags, NamelessFile file, std::shared_ptr<ByteChannel> in,
                                       std::shared_ptr<ByteChannel> out)
    : NamelessDescription(flags, file), in_(std::move(in)), out_(std::move(out)) {
    if (in_ != nullptr) in_->open_reader();
    if (out_ != nullptr) out_->open_writer();
    reads_ = in_ != nullptr;
    writes_ = out_ != nullptr;
}

ChannelDescription::~ChannelDescription() { shut_down(true, true); }

void ChannelDescription::shut_down(bool reading, bool writing) {
    if (reading && std::exchange(reads_, false)) in_->close_reader();
    if (writing && std::exchange(writes_, false)) out_->close_writer();
}

std::string ChannelDescription::path() const {
    return fmt::format("{}:[{}]", is_socket() ? "socket" : "pipe", inode_number());
}

Result<std::uint64_t> ChannelDescription::read(System& system, UserSegments& into, std::uint64_t&) {
    if (!reads_) return in_ != nullptr ? Result<std::uint64_t>(0) : fail(Errno::ebadf);
    return in_->read(system, into, blocking());
}

Result<std::uint64_t> ChannelDescription::write(System& system, UserSegments& from, std::uint64_t&) {
    const auto written = writes_ ? out_->write(system, from, blocking()) : Result<std::uint64_t>(fail(Errno::epipe));
    if (!written && written.error() == Errno::epipe) signal_self(system.task, SIGPIPE);
    return written;
}

Result<std::uint64_t> ChannelDescription::control(System& system, std::uint64_t request, std::uint64_t argument) {
    if (request != FIONREAD) return fail(Errno::enotty);
    const auto waiting = static_cast<std::int32_t>(in_ != nullptr ? in_->size_bytes() : out_->size_bytes());
    if (auto done = system.user().write(VirtAddr(argument), waiting); !done) return fail(done.error());
    return 0;
}

// pipe_poll(), unix_poll().
short ChannelDescription::ready_events() const {
    int events = 0;
    if (in_ != nullptr) {
        if (in_->size_bytes() > 0) events |= POLLIN | POLLRDNORM;
        if (!in_->has_writers() || !reads_) events |= is_socket() ? POLLIN | POLLRDNORM | POLLRDHUP : POLLHUP;
    }
    if (out_ != nullptr) {
        if (out_->room() >= ByteChannel::atomic_bytes) events |= POLLOUT | POLLWRNORM;
        if (!out_->has_readers()) events |= is_socket() ? POLLHUP | POLLOUT : POLLERR;
    }
    return static_cast<short>(events);
}

Result<std::shared_ptr<FileDescription>> ChannelDescription::reopen(System&, int flags) {
    if (is_socket()) return fail(Errno::enxio);
    const auto pipe = in_ != nullptr ? in_ : out_;
    switch (flags & O_ACCMODE) {
        case O_RDONLY: return std::make_shared<ChannelDescription>(flags, file(), pipe, nullptr);
        case O_WRONLY: return std::make_shared<ChannelDescription>(flags, file(), nullptr, pipe);
        default: return fail(Errno::enxio);
    }
}

std::vector<WaitQueue*> ChannelDescription::wait_queues() {
    std::vector<WaitQueue*> queues;
    if (in_ != nullptr) queues.push_back(&in_->changed());
    if (out_ != nullptr) queues.push_back(&out_->changed());
    return queues;
}

// --- eventfd

Result<std::uint64_t> EventDescription::read(System& system, UserSegments& into, std::uint64_t&) {
    if (into.bytes_left() < sizeof count_) return fail(Errno::einval);
    while (count_ == 0) {
        if (blocking() == ByteChannel::Blocking::no) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, changed_) == WakeReason::signal) return fail(interrupted(system.task));
    }
    const std::uint64_t taken = is_semaphore_ ? 1 : count_;
    count_ -= taken;
    changed_.wake_all();
    if (into.copy_to_guest(std::as_bytes(std::span(&taken, 1))) != sizeof taken) return fail(Errno::efault);
    return sizeof taken;
}

Result<std::uint64_t> EventDescription::write(System& system, UserSegments& from, std::uint64_t&) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() - 1;
    std::uint64_t added = 0;
    if (from.bytes_left() < sizeof added) return fail(Errno::einval);
    if (from.copy_from_guest(std::as_writable_bytes(std::span(&added, 1))) != sizeof added) return fail(Errno::efault);
    if (added > most) return fail(Errno::einval);
    while (added > most - count_) {
        if (blocking() == ByteChannel::Blocking::no) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, changed_) == WakeReason::signal) return fail(interrupted(system.task));
    }
    count_ += added;
    changed_.wake_all();
    return sizeof added;
}

std::string EventDescription::info_text() const {
    return fmt::format("eventfd-count: {:16x}\neventfd-id: {}\neventfd-semaphore: {}\n", count_, inode_number(),
                       is_semaphore_ ? 1 : 0);
}

short EventDescription::ready_events() const {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() - 1;
    short events = 0;
    if (count_ > 0) events |= POLLIN;
    if (count_ < most) events |= POLLOUT;
    return events;
}

std::array<std::shared_ptr<FileDescription>, 2> make_pipe(System& system, int flags) {
    auto channel = std::make_shared<ByteChannel>();
    const NamelessFile file = nameless_file(system, S_IFIFO | 0600);
    return {std::make_shared<ChannelDescription>(O_RDONLY | flags, file, channel, nullptr),
            std::make_shared<ChannelDescription>(O_WRONLY | flags, file, nullptr, channel)};
}

std::array<std::shared_ptr<FileDescription>, 2> make_socket_pair(System& system, int flags) {
    auto there = std::make_shared<ByteChannel>(), back = std::make_shared<ByteChannel>();
    return {std::make_shared<ChannelDescription>(O_RDWR | flags, nameless_file(system, S_IFSOCK | 0777), there, back),
            std::make_shared<ChannelDescription>(O_RDWR | flags, nameless_file(system, S_IFSOCK | 0777), back, there)};
}

}  // namespace fl::kernel
