// Who may look into another process's memory, and how it is held meanwhile (Linux: kernel/ptrace.c, kernel/fork.c).
#pragma once

#include "kernel/system.hpp"

#include <memory>

namespace fl::kernel {

// The structure of an address space, which outlives its users (mmgrab, mmdrop).
class HeldSpace {
public:
    explicit HeldSpace(const Task& task);
    HeldSpace(const HeldSpace&) = delete;
    HeldSpace& operator=(const HeldSpace&) = delete;
    ~HeldSpace() { (void)mm_->mmdrop(); }

    mm::MmStruct& mm() const { return *mm_; }
    // Nobody runs in it any more, so that nothing is in it.
    bool is_abandoned() const { return mm_->mm_users() == 0; }
    const std::shared_ptr<mm::MmStruct>& shared() const { return mm_; }
    mm::UserMemory& user() const { return *user_; }

private:
    std::shared_ptr<mm::MmStruct> mm_;
    std::shared_ptr<mm::UserMemory> user_;
};

// A user of an address space beside its tasks: it stays as it is while somebody works on it (mmget, mmput).
class UsedSpace {
public:
    // `held` is not abandoned.
    explicit UsedSpace(std::shared_ptr<HeldSpace> held);
    UsedSpace(UsedSpace&&) noexcept = default;
    UsedSpace& operator=(UsedSpace&&) = delete;
    UsedSpace(const UsedSpace&) = delete;
    UsedSpace& operator=(const UsedSpace&) = delete;
    ~UsedSpace();

    mm::MmStruct& mm() const { return held_->mm(); }
    mm::UserMemory& user() const { return held_->user(); }

private:
    std::shared_ptr<HeldSpace> held_;  // nullptr: moved from
};

// The task of this number, or of a process with this number one that is not over; nullptr: none.
Task* find_living_task(const System& system, std::int32_t pid);
// mm_access(): ESRCH where the task has none any more, EPERM.
Result<UsedSpace> access_space(const System& system, const Task* task);
// pidfd_get_task(): what a descriptor stands for, or PIDFD_SELF. EBADF, ESRCH.
Result<Task*> task_of_pidfd(const System& system, std::uint64_t fd);

}  // namespace fl::kernel
