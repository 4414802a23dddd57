// Signals (Linux: kernel/signal.c, arch/x86/kernel/signal_64.c).
#include "kernel/processes.hpp"
#include "kernel/signal_frame.hpp"
#include "kernel/signal_rights.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"

#include <limits>
#include <optional>
#include <vector>

namespace fl::kernel {

namespace {

constexpr std::uint64_t signal_set_bytes = 8;
// Flags that sigaction(2) keeps (UAPI_SA_FLAGS with SA_RESTORER).
constexpr std::uint64_t known_action_flags = 0xdc00'0807;

// kill(2) is said to succeed even where the queue is full (legacy_queue, send_signal_locked).
Result<void> kill_process(System& system, Process& process, int number) {
    if (auto allowed = check_signal(system, process, number); !allowed) return allowed;
    if (number != 0) (void)system.processes.send_to_process(process, signal_from(system, number, si_code_user));
    return {};
}

// One of a process's threads; `group` -1: of whichever process. ESRCH.
Result<std::uint64_t> kill_task(System& system, std::int32_t group, std::int32_t tid, std::int32_t number) {
    const System* target = system.processes.find_task(static_cast<std::uint32_t>(tid));
    if (target == nullptr || target->task.exit) return fail(Errno::esrch);
    if (group != -1 && target->task.pid != static_cast<std::uint32_t>(group)) return fail(Errno::esrch);
    const Task& task = target->task;
    if (auto allowed = check_signal(system, *task.process, task.credentials, number); !allowed) {
        return fail(allowed.error());
    }
    if (number == 0) return 0;
    return answer(system.processes.send_to_task(target->task, signal_from(system, number, si_code_tkill)));
}

// What a program may claim of a signal that it queues: nothing that only the kernel says (do_rt_sigqueueinfo).
Result<SignalInfo> read_queued_signal(System& system, std::int32_t target, std::int32_t number, std::uint64_t address) {
    auto info = read_signal_info(system, address);
    if (!info) return info;
    info->number = number;
    const bool to_self = static_cast<std::uint32_t>(target) == system.task.pid;
    return is_kernels_code(info->code) && !to_self ? fail(Errno::eperm) : info;
}

Result<SignalSet> read_signal_set(System& system, std::uint64_t address, std::uint64_t size_bytes) {
    if (size_bytes != signal_set_bytes) return fail(Errno::einval);
    const auto bits = system.user().read<std::uint64_t>(VirtAddr(address));
    if (!bits) return fail(bits.error());
    return SignalSet(*bits);
}

}  // namespace

Result<std::uint64_t> sys_rt_sigaction(System& system, const Arguments& a) {
    const std::int32_t number = int_argument(a[0]);
    if (a[3] != signal_set_bytes) return fail(Errno::einval);
    SignalAction wanted;
    if (a[1] != 0) {
        const auto read = system.user().read<SignalAction>(VirtAddr(a[1]));
        if (!read) return fail(read.error());
        wanted = *read;
        wanted.flags &= known_action_flags;
    }
    Signals& signals = system.task.signals;
    if (!is_signal(number)) return fail(Errno::einval);
    if (a[1] != 0 && Signals::unblockable.has(number)) return fail(Errno::einval);
    const SignalAction previous = signals.action(number);
    if (a[1] != 0) signals.set_action(number, wanted);
    return answer(write_optional(system, a[2], previous));
}

Result<std::uint64_t> sys_rt_sigprocmask(System& system, const Arguments& a) {
    if (a[3] != signal_set_bytes) return fail(Errno::einval);
    Signals& signals = system.task.signals;
    const SignalSet previous = signals.blocked();
    if (a[1] != 0) {
        const auto bits = system.user().read<std::uint64_t>(VirtAddr(a[1]));
        if (!bits) return fail(bits.error());
        const SignalSet set(*bits);
        switch (int_argument(a[0])) {
            case SIG_BLOCK: signals.set_blocked(previous | set); break;
            case SIG_UNBLOCK: signals.set_blocked(previous & ~set); break;
            case SIG_SETMASK: signals.set_blocked(set); break;
            default: return fail(Errno::einval);
        }
    }
    return answer(write_optional(system, a[2], previous.bits()));
}

Result<std::uint64_t> sys_rt_sigpending(System& system, const Arguments& a) {
    if (a[1] > signal_set_bytes) return fail(Errno::einval);
    const Signals& signals = system.task.signals;
    const std::uint64_t waiting = (signals.pending() & signals.blocked()).bits();
    const auto bytes = std::as_bytes(std::span(&waiting, 1)).first(a[1]);
    return answer(system.user().copy_to(VirtAddr(a[0]), bytes));
}

// The answer is the RAX that the frame holds: all registers are the interrupted program's again.
Result<std::uint64_t> sys_rt_sigreturn(System& system, const Arguments&) {
    Task& task = system.task;
    const auto fpu = pop_signal_frame(task);
    if (!fpu) {
        task.signals.force(SignalInfo{SIGSEGV, si_code_kernel, SignalInfo::Detail::address});
        return 0;
    }
    system.cpu.set_fpu_state(*fpu);
    return task.registers.rax;
}

Result<std::uint64_t> sys_sigaltstack(System& system, const Arguments& a) {
    Task& task = system.task;
    const AlternateStack current = task.signals.alternate_stack();
    const UserStack previous{current.base,
                             current.state(task.registers.rsp) | (current.flags & AlternateStack::auto_disarm), 0,
                             current.size_bytes};
    if (a[0] != 0) {
        const auto wanted = system.user().read<UserStack>(VirtAddr(a[0]));
        if (!wanted) return fail(wanted.error());
        if (auto done = set_alternate_stack(task, *wanted); !done) return fail(done.error());
    }
    return answer(write_optional(system, a[1], previous));
}

Result<std::uint64_t> sys_kill(System& system, const Arguments& a) {
    const std::int32_t pid = int_argument(a[0]), number = int_argument(a[1]);
    if (pid == std::numeric_limits<std::int32_t>::min()) return fail(Errno::esrch);
    const std::uint32_t self = system.task.pid;
    std::vector<std::shared_ptr<Process>> targets;
    for (const auto& [other, process] : system.processes.all()) {
        const bool meant = pid > 0    ? other == static_cast<std::uint32_t>(pid)
                           : pid == 0 ? process->group == system.task.process->group
                           // -1 is everybody else but process 1.
                           : pid == -1 ? other != self && other != 1
                                       : process->group == static_cast<std::uint32_t>(-pid);
        if (meant) targets.push_back(process);
    }
    if (targets.empty()) return fail(Errno::esrch);
    // Of a group it is enough that one gets it; of everybody who may not be sent to does not count.
    std::optional<Errno> refusal;
    bool reached = false;
    for (const auto& process : targets) {
        const auto sent = kill_process(system, *process, number);
        reached = reached || sent.has_value();
        if (!sent && (pid != -1 || sent.error() != Errno::eperm)) refusal = sent.error();
    }
    return reached || !refusal ? Result<std::uint64_t>(0) : fail(*refusal);
}

Result<std::uint64_t> sys_tkill(System& system, const Arguments& a) {
    if (int_argument(a[0]) <= 0) return fail(Errno::einval);
    return kill_task(system, -1, int_argument(a[0]), int_argument(a[1]));
}

Result<std::uint64_t> sys_tgkill(System& system, const Arguments& a) {
    if (int_argument(a[0]) <= 0 || int_argument(a[1]) <= 0) return fail(Errno::einval);
    return kill_task(system, int_argument(a[0]), int_argument(a[1]), int_argument(a[2]));
}

Result<std::uint64_t> sys_rt_sigqueueinfo(System& system, const Arguments& a) {
    const std::int32_t pid = int_argument(a[0]), number = int_argument(a[1]);
    const auto info = read_queued_signal(system, pid, number, a[2]);
    if (!info) return fail(info.error());
    Process* process = pid > 0 ? system.processes.find_process(static_cast<std::uint32_t>(pid)) : nullptr;
    if (process == nullptr) return fail(Errno::esrch);
    if (auto allowed = check_signal(system, *process, number); !allowed) return fail(allowed.error());
    return number == 0 ? 0 : answer(system.processes.send_to_process(*process, *info));
}

Result<std::uint64_t> sys_rt_tgsigqueueinfo(System& system, const Arguments& a) {
    const std::int32_t group = int_argument(a[0]), tid = int_argument(a[1]), number = int_argument(a[2]);
    const auto info = read_queued_signal(system, group, number, a[3]);
    if (!info) return fail(info.error());
    if (group <= 0 || tid <= 0) return fail(Errno::einval);
    const System* target = system.processes.find_task(static_cast<std::uint32_t>(tid));
    if (target == nullptr || target->task.pid != static_cast<std::uint32_t>(group)) return fail(Errno::esrch);
    const Task& task = target->task;
    if (auto allowed = check_signal(system, *task.process, task.credentials, number); !allowed) {
        return fail(allowed.error());
    }
    return number == 0 ? 0 : answer(system.processes.send_to_task(target->task, *info));
}

// --- waiting for signals

Result<std::uint64_t> sys_pause(System& system, const Arguments&) {
    WaitQueue nobody_wakes;
    (void)system.scheduler.wait(system.task, nobody_wakes);
    return fail(interrupted(system.task, RestartCall::Kind::without_handler));
}

Result<std::uint64_t> sys_rt_sigsuspend(System& system, const Arguments& a) {
    const auto set = read_signal_set(system, a[0], a[1]);
    if (!set) return fail(set.error());
    system.task.signals.suspend_with(*set);
    return sys_pause(system, a);
}

Result<std::uint64_t> sys_rt_sigtimedwait(System& system, const Arguments& a) {
    const auto wanted = read_signal_set(system, a[0], a[3]);
    if (!wanted) return fail(wanted.error());
    std::optional<std::uint64_t> deadline_ns;
    if (a[2] != 0) {
        const auto duration = read_user_time(system, a[2]);
        if (!duration) return fail(duration.error());
        deadline_ns = add_times(system.clock.monotonic_ns(), *duration);
    }
    Signals& signals = system.task.signals;
    const SignalSet blocked = signals.blocked();
    const SignalSet set = *wanted & ~Signals::unblockable;
    auto taken = signals.take(set);
    if (!taken) {
        // What is waited for wakes like any other signal, and is taken before it could be delivered.
        signals.set_blocked(blocked & ~set);
        WaitQueue nobody_wakes;
        const WakeReason reason = system.scheduler.wait(system.task, nobody_wakes, deadline_ns);
        taken = signals.take(set);
        signals.set_blocked(blocked);
        if (!taken) return fail(reason == WakeReason::timeout ? Errno::eagain : Errno::eintr);
    }
    if (auto done = write_optional(system, a[1], user_signal_info(*taken)); !done) return fail(done.error());
    return static_cast<std::uint64_t>(taken->number);
}

}  // namespace fl::kernel
