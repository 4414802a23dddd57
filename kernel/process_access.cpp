#include "kernel/process_access.hpp"

#include "kernel/processes.hpp"

namespace fl::kernel {

bool may_access(const Task& caller, const Task& target) {
    if (caller.process == target.process) return true;
    if (caller.capabilities.has(Capability::sys_ptrace)) return true;
    // __ptrace_may_access() and cap_ptrace_access_check(): the same owner, and nothing that the caller may not do.
    const bool same_owner = caller.uid == target.uid && caller.gid == target.gid;
    return same_owner && target.process->is_dumpable &&
           (target.capabilities.permitted & ~caller.capabilities.permitted) == 0;
}

HeldSpace::HeldSpace(const Task& task) : mm_(task.mm), user_(task.user_memory) { mm_->mmgrab(); }

UsedSpace::UsedSpace(std::shared_ptr<HeldSpace> held) : held_(std::move(held)) {
    FL_ASSERT(!held_->is_abandoned());
    held_->mm().mmget();
}

UsedSpace::~UsedSpace() {
    if (held_ != nullptr) Processes::put_mm(held_->shared());
}

Task* find_living_task(const System& system, std::int32_t pid) {
    if (pid <= 0) return nullptr;
    const auto number = static_cast<std::uint32_t>(pid);
    if (System* found = system.processes.find_task(number)) return &found->task;
    const Process* process = system.processes.find_process(number);
    return process != nullptr && !process->threads.empty() ? process->threads.front() : nullptr;
}

Result<UsedSpace> access_space(const System& system, const Task* task) {
    if (task == nullptr || task->mm == nullptr) return fail(Errno::esrch);
    if (!may_access(system.task, *task)) return fail(Errno::eperm);
    return UsedSpace(std::make_shared<HeldSpace>(*task));
}

Result<Task*> task_of_pidfd(const System& system, std::uint64_t fd) {
    constexpr std::int32_t self_thread = -10000, self_process = -10001;  // PIDFD_SELF_THREAD, _THREAD_GROUP
    const auto number = static_cast<std::int32_t>(fd);
    if (number == self_thread || number == self_process) return &system.task;
    const auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    const auto pid = (*file)->process_number();
    if (!pid) return fail(Errno::ebadf);
    Task* task = find_living_task(system, static_cast<std::int32_t>(*pid));
    return task != nullptr ? Result<Task*>(task) : fail(Errno::esrch);
}

}  // namespace fl::kernel
