// pidfd: an open file that stands for a process or a thread (Linux: fs/pidfs.c, kernel/fork.c).
#pragma once

#include "kernel/task.hpp"
#include "kernel/vfs/pipe.hpp"

namespace fl::kernel {

// PIDFD_NONBLOCK is O_NONBLOCK, PIDFD_THREAD O_EXCL (include/uapi/linux/pidfd.h).
inline constexpr int pidfd_thread = O_EXCL;

class PidDescription final : public NamelessDescription {
public:
    // `flags`: O_NONBLOCK or 0.
    PidDescription(int flags, std::shared_ptr<Process> process);
    PidDescription(int flags, const Task& thread);  // PIDFD_THREAD
    PidDescription(int flags, const PidDescription& other);

    const std::shared_ptr<Process>& process() const { return process_; }
    // The thread where it stands for one, and that is not over; else nullptr.
    Task* thread() const;
    bool names_thread() const { return thread_end_ != nullptr; }
    bool is_nonblocking() const { return (flags() & O_NONBLOCK) != 0; }

    std::shared_ptr<Process> named_process() const override { return process_; }
    std::string path() const override { return "anon_inode:[pidfd]"; }
    bool can_read() const override { return false; }
    bool can_write() const override { return false; }
    std::string info_text() const override;
    Result<std::shared_ptr<FileDescription>> reopen(System& system, int flags) override;
    Result<struct stat> status(const System& system) const override;
    // Readable once it is over, POLLHUP as well when nobody can wait for it any more.
    short ready_events() const override;
    std::vector<WaitQueue*> wait_queues() override;

private:
    bool is_gone() const;

    std::shared_ptr<Process> process_;
    std::shared_ptr<TaskEnd> thread_end_;  // nullptr: the process
    std::uint32_t number_;
};

// pidfd_get_pid(): EBADF where the descriptor is no pidfd.
Result<std::shared_ptr<PidDescription>> find_pidfd(const System& system, std::uint64_t fd);

}  // namespace fl::kernel
