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

struct stat NamelessFile::status(const System& system) const {
    struct stat status {};
    // pipefs and its like have devices of their own.
    status.st_dev = ::makedev(0, 14);
    status.st_ino = inode;
    status.st_mode = mode;
    status.st_nlink = 1;
    status.st_uid = system.task.credentials.user.file_system;
    status.st_gid = system.task.credentials.group.file_system;
    status.st_blksize = page_size;
    constexpr std::uint64_t ns_per_second = 1'000'000'000;
    status.st_atim = {static_cast<time_t>(made_ns / ns_per_second), static_cast<long>(made_ns % ns_per_second)};
    status.st_mtim = status.st_ctim = status.st_atim;
    return status;
}

PipeDescription::PipeDescription(int flags, NamelessFile file, std::shared_ptr<ByteChannel> channel)
    : FileDescription(nullptr, flags), nameless_(file), channel_(std::move(channel)) {
    take_ends();
}

PipeDescription::PipeDescription(int flags, DentryPointer dentry, std::shared_ptr<ByteChannel> channel)
    : FileDescription(std::move(dentry), flags), channel_(std::move(channel)) {
    take_ends();
}

void PipeDescription::take_ends() {
    if (is_readable()) channel_->open_reader();
    if (is_writable()) channel_->open_writer();
}

PipeDescription::~PipeDescription() {
    if (is_readable()) channel_->close_reader();
    if (is_writable()) channel_->close_writer();
}

// fifo_open(). Who has come and gone meanwhile was there all the same.
Result<void> PipeDescription::wait_for_partner(System& system) {
    if (is_readable() && is_writable()) return {};
    const auto there = [this] { return is_readable() ? channel_->has_writers() : channel_->has_readers(); };
    const auto ever = [this] { return is_readable() ? channel_->writers_ever() : channel_->readers_ever(); };
    if (there()) return {};
    const std::uint64_t before = ever();
    if (blocking() == ByteChannel::Blocking::no) {
        if (is_writable()) return fail(Errno::enxio);
        writers_before_ = before;
        return {};
    }
    while (ever() == before) {
        const WakeReason reason =
            system.scheduler.wait(system.task, is_readable() ? channel_->for_readers() : channel_->for_writers());
        if (reason == WakeReason::signal && ever() == before) return fail(interrupted(system.task));
    }
    return {};
}

std::string PipeDescription::path() const {
    return nameless_ ? fmt::format("pipe:[{}]", nameless_->inode) : FileDescription::path();
}

Result<struct stat> PipeDescription::status(const System& system) const {
    return nameless_ ? nameless_->status(system) : FileDescription::status(system);
}

Result<std::uint64_t> PipeDescription::read(System& system, UserSegments& into, std::uint64_t&) {
    return channel_->read(system, into, blocking());
}

Result<std::uint64_t> PipeDescription::write(System& system, UserSegments& from, std::uint64_t&) {
    const bool packets = (flags() & O_DIRECT) != 0;
    const auto written = channel_->write(system, from, blocking(),
                                         packets ? ByteChannel::Framing::packets : ByteChannel::Framing::stream);
    if (!written && written.error() == Errno::epipe) signal_self(system.task, SIGPIPE);
    return written;
}

Result<std::uint64_t> PipeDescription::control(System& system, std::uint64_t request, std::uint64_t argument) {
    if (request != FIONREAD) return fail(Errno::enotty);
    const auto waiting = static_cast<std::int32_t>(channel_->size_bytes());
    if (auto done = system.user().write(VirtAddr(argument), waiting); !done) return fail(done.error());
    return 0;
}

// pipe_poll()
short PipeDescription::ready_events() const {
    int events = 0;
    if (is_readable()) {
        if (!channel_->is_empty()) events |= POLLIN | POLLRDNORM;
        if (!channel_->has_writers() && channel_->writers_ever() != writers_before_) events |= POLLHUP;
    }
    if (is_writable()) {
        if (!channel_->is_full()) events |= POLLOUT | POLLWRNORM;
        if (!channel_->has_readers()) events |= POLLERR;
    }
    return static_cast<short>(events);
}

Result<std::shared_ptr<FileDescription>> PipeDescription::reopen(System&, int flags) {
    if (nameless_) return std::make_shared<PipeDescription>(flags, *nameless_, channel_);
    return std::make_shared<PipeDescription>(flags, dentry(), channel_);
}

std::vector<WaitQueue*> PipeDescription::wait_queues() {
    std::vector<WaitQueue*> queues;
    if (is_readable()) queues.push_back(&channel_->for_readers());
    if (is_writable()) queues.push_back(&channel_->for_writers());
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
    changed_.wake_all(POLLOUT);
    if (into.copy_to_guest(std::as_bytes(std::span(&taken, 1))) != sizeof taken) return fail(Errno::efault);
    return sizeof taken;
}

Result<std::uint64_t> EventDescription::write(System& system, UserSegments& from, std::uint64_t&) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() - 1;
    std::uint64_t added = 0;
    if (from.bytes_left() != sizeof added) return fail(Errno::einval);
    if (from.copy_from_guest(std::as_writable_bytes(std::span(&added, 1))) != sizeof added) return fail(Errno::efault);
    if (added > most) return fail(Errno::einval);
    while (added > most - count_) {
        if (blocking() == ByteChannel::Blocking::no) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, changed_) == WakeReason::signal) return fail(interrupted(system.task));
    }
    count_ += added;
    changed_.wake_all(POLLIN);
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

Result<std::array<std::shared_ptr<FileDescription>, 2>> make_pipe(System& system, int flags) {
    auto channel = std::make_shared<ByteChannel>();
    constexpr std::array nameless{mm::KernelObject::inode_cache, mm::KernelObject::dentry};
    if (auto taken = channel->take_memory(system.memory, nameless); !taken) return fail(taken.error());
    const NamelessFile file = nameless_file(system, S_IFIFO | 0600);
    std::array<std::shared_ptr<FileDescription>, 2> ends{
        std::make_shared<PipeDescription>(O_RDONLY | flags, file, channel),
        std::make_shared<PipeDescription>(O_WRONLY | flags, file, channel)};
    for (const auto& end : ends) {
        if (auto taken = end->take_memory(system.memory); !taken) return fail(taken.error());
    }
    return ends;
}

}  // namespace fl::kernel
