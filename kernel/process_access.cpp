#include "kernel/process_access.hpp"

#include "kernel/processes.hpp"
#include "kernel/ptrace_access.hpp"

namespace fl::kernel {

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
    if (!may_ptrace(system.task, *task, PtraceMode::real)) return fail(Errno::eperm);
    return UsedSpace(std::make_shared<HeldSpace>(*task));
}

Result<Task*> task_of_pidfd(const System& system, std::uint64_t fd) {
    constexpr std::int32_t self_thread = -10000, self_process = -10001;  // PIDFD_SELF_THREAD, _THREAD_GROUP
    const auto number = static_cast<std::int32_t>(fd);
    if (number == self_thread || number == self_process) return &system.task;
    const auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    const auto process = (*file)->named_process();
    if (process == nullptr) return fail(Errno::ebadf);
    return !process->threads.empty() ? Result<Task*>(process->threads.front()) : fail(Errno::esrch);
}

}  // namespace fl::kernel
