#include "kernel/pidfd.hpp"

#include "kernel/system.hpp"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr NamelessFile pidfs_file{.inode = 0, .mode = 0700, .made_ns = 0};
constexpr unsigned pidfs_minor = 13;

int lasting(int flags) { return O_RDWR | (flags & O_NONBLOCK); }

}  // namespace

PidDescription::PidDescription(int flags, std::shared_ptr<Process> process)
    : NamelessDescription(lasting(flags), pidfs_file), process_(std::move(process)), number_(process_->pid) {}

PidDescription::PidDescription(int flags, const Task& thread)
    : NamelessDescription(lasting(flags), pidfs_file),
      process_(thread.process),
      thread_end_(thread.end),
      number_(thread.tid) {}

PidDescription::PidDescription(int flags, const PidDescription& other)
    : NamelessDescription(lasting(flags), pidfs_file),
      process_(other.process_),
      thread_end_(other.thread_end_),
      number_(other.number_) {}

Task* PidDescription::thread() const {
    const auto is_it = [this](const Task* task) { return task->end == thread_end_; };
    const auto found = std::ranges::find_if(process_->threads, is_it);
    return found == process_->threads.end() ? nullptr : *found;
}

// The number is free again: of a thread when it is over, of a process when it is reaped.
bool PidDescription::is_gone() const {
    const bool is_leader = number_ == process_->pid;
    return is_leader ? process_->is_reaped : thread_end_ != nullptr && thread_end_->is_over;
}

std::string PidDescription::info_text() const {
    return is_gone() ? "Pid:\t-1\nNSpid:\t-1\n" : fmt::format("Pid:\t{0}\nNSpid:\t{0}\n", number_);
}

Result<std::shared_ptr<FileDescription>> PidDescription::reopen(System&, int flags) {
    if (is_gone()) return fail(Errno::esrch);
    return std::make_shared<PidDescription>(flags, *this);
}

Result<struct stat> PidDescription::status(const System& system) const {
    auto status = NamelessDescription::status(system);
    if (!status) return status;
    status->st_dev = ::makedev(0, pidfs_minor);
    status->st_ino = number_;
    status->st_uid = status->st_gid = 0;
    return status;
}

short PidDescription::ready_events() const {
    const bool is_over = thread_end_ != nullptr ? thread_end_->is_over : process_->is_zombie;
    const int events = (is_over ? POLLIN | POLLRDNORM : 0) | (is_gone() ? POLLHUP : 0);
    return static_cast<short>(events);
}

std::vector<WaitQueue*> PidDescription::wait_queues() {
    if (thread_end_ != nullptr) return {&thread_end_->queue, &process_->ended};
    return {&process_->ended};
}

Result<std::shared_ptr<PidDescription>> find_pidfd(const System& system, std::uint64_t fd) {
    const auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    auto pidfd = std::dynamic_pointer_cast<PidDescription>(*file);
    return pidfd != nullptr ? Result<std::shared_ptr<PidDescription>>(std::move(pidfd)) : fail(Errno::ebadf);
}

}  // namespace fl::kernel
