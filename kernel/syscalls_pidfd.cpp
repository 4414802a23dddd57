// Processes by descriptor (Linux: kernel/pid.c, kernel/signal.c).
#include "kernel/path_argument.hpp"
#include "kernel/pidfd.hpp"
#include "kernel/processes.hpp"
#include "kernel/ptrace_access.hpp"
#include "kernel/signal_rights.hpp"
#include "kernel/syscalls.hpp"

#include <bit>

namespace fl::kernel {

namespace {

// pidfd_send_signal(2)'s flags: whom the signal is for, whatever the descriptor stands for.
constexpr std::uint32_t to_thread = 1, to_process = 2, to_group = 4;

std::shared_ptr<Process> shared_process(const System& system, std::uint32_t pid) {
    const auto found = system.processes.all().find(pid);
    return found == system.processes.all().end() ? nullptr : found->second;
}

Result<DescriptionPointer> open_pid(const System& system, std::uint32_t pid, int flags) {
    const System* task = system.processes.find_task(pid);
    auto process = shared_process(system, pid);
    if (process == nullptr && task == nullptr) return fail(Errno::esrch);
    if ((flags & pidfd_thread) != 0 && task != nullptr) return std::make_shared<PidDescription>(flags, task->task);
    // The number is a thread's that does not lead its process.
    if (process == nullptr) return fail(Errno::enoent);
    return std::make_shared<PidDescription>(flags, std::move(process));
}

// The signal's own description, or what kill(2) would say (do_pidfd_send_signal).
Result<SignalInfo> signal_info(System& system, const PidDescription& target, const Arguments& a, bool to_one_thread) {
    const int number = int_argument(a[1]);
    if (a[2] == 0) return signal_from(system, number, to_one_thread ? si_code_tkill : si_code_user);
    auto info = read_signal_info(system, a[2]);
    if (!info) return info;
    if (info->number != number) return fail(Errno::einval);
    const bool to_self = target.process() == system.task.process;
    if (!to_self && is_kernels_code(info->code)) return fail(Errno::eperm);
    return info;
}

Result<void> signal_thread(System& system, const PidDescription& target, const SignalInfo& info) {
    Task* thread = target.names_thread()               ? target.thread()
                   : target.process()->threads.empty() ? nullptr
                                                       : target.process()->threads.front();
    if (thread == nullptr) return fail(Errno::esrch);
    if (auto allowed = check_signal(system, *thread->process, thread->credentials, info.number); !allowed) {
        return allowed;
    }
    return info.number == 0 ? Result<void>{} : system.processes.send_to_task(*thread, info);
}

Result<void> signal_process(System& system, Process& process, const SignalInfo& info) {
    if (process.is_reaped) return fail(Errno::esrch);
    if (auto allowed = check_signal(system, process, info.number); !allowed) return allowed;
    return info.number == 0 ? Result<void>{} : system.processes.send_to_process(process, info);
}

// kill_pgrp_info(): done where one gets it.
Result<void> signal_group(System& system, std::uint32_t group, const SignalInfo& info) {
    std::vector<std::shared_ptr<Process>> members;
    for (const auto& [pid, process] : system.processes.all()) {
        if (process->group == group) members.push_back(process);
    }
    Result<void> outcome = fail(Errno::esrch);
    bool reached = false;
    for (const auto& process : members) {
        outcome = signal_process(system, *process, info);
        reached = reached || outcome.has_value();
    }
    return reached ? Result<void>{} : outcome;
}

}  // namespace

Result<std::uint64_t> sys_pidfd_open(System& system, const Arguments& a) {
    const std::int32_t pid = int_argument(a[0]), flags = int_argument(a[1]);
    if ((flags & ~(O_NONBLOCK | pidfd_thread)) != 0 || pid <= 0) return fail(Errno::einval);
    auto description = open_pid(system, static_cast<std::uint32_t>(pid), flags);
    if (!description) return fail(description.error());
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    if (auto taken = (*description)->take_memory(system.memory, nameless_objects); !taken) return fail(taken.error());
    system.task.files->put(*fd, std::move(*description), OnExec::close);
    return *fd;
}

Result<std::uint64_t> sys_pidfd_send_signal(System& system, const Arguments& a) {
    const auto flags = static_cast<std::uint32_t>(a[3]);
    if ((flags & ~(to_thread | to_process | to_group)) != 0 || std::popcount(flags) > 1) return fail(Errno::einval);
    const auto target = find_pidfd(system, a[0]);
    if (!target) return fail(target.error());
    const bool to_one_thread = flags == to_thread || (flags == 0 && (*target)->names_thread());
    const auto info = signal_info(system, **target, a, to_one_thread);
    if (!info) return fail(info.error());
    if (to_one_thread) return answer(signal_thread(system, **target, *info));
    Process& process = *(*target)->process();
    return answer(flags == to_group ? signal_group(system, process.pid, *info)
                                    : signal_process(system, process, *info));
}

Result<std::uint64_t> sys_pidfd_getfd(System& system, const Arguments& a) {
    if (static_cast<std::uint32_t>(a[2]) != 0) return fail(Errno::einval);
    const auto target = find_pidfd(system, a[0]);
    if (!target) return fail(target.error());
    const Process& process = *(*target)->process();
    const Task* task = (*target)->names_thread() ? (*target)->thread()
                       : process.threads.empty() ? nullptr
                                                 : process.threads.front();
    if (task == nullptr) return fail(Errno::esrch);
    if (!may_ptrace(system.task, *task, PtraceMode::real)) return fail(Errno::eperm);
    if (task->files == nullptr) return fail(Errno::esrch);
    auto file = task->files->find_any(a[1]);
    if (!file) return fail(Errno::ebadf);
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    system.task.files->put(*fd, std::move(*file), OnExec::close);
    return *fd;
}

}  // namespace fl::kernel
