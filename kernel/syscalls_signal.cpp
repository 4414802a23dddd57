// Signals (Linux: kernel/signal.c, arch/x86/kernel/signal_64.c).
#include "kernel/signal_frame.hpp"
#include "kernel/syscalls.hpp"

#include <cstring>

namespace fl::kernel {

namespace {

constexpr std::uint64_t signal_set_bytes = 8;
// Flags that sigaction(2) keeps (UAPI_SA_FLAGS with SA_RESTORER).
constexpr std::uint64_t known_action_flags = 0xdc00'0807;

bool valid_signal(std::int32_t number) { return number >= 1 && number <= signal_count; }

Result<void> send_signal(System& system, SignalQueue queue, std::int32_t number) {
    // Signal 0 only asks whether there is such a process.
    if (number == 0) return {};
    Task& task = system.task;
    const SignalInfo info{.number = number,
                          .code = queue == SignalQueue::thread ? si_code_tkill : si_code_user,
                          .detail = SignalInfo::Detail::sender,
                          .pid = task.pid,
                          .uid = task.uid};
    const auto sent = task.signals.send(queue, info, soft_limit(task.process->limits, Limit::pending_signals));
    // kill(2) is said to succeed even where the queue is full (legacy_queue, send_signal_locked).
    if (!sent && queue == SignalQueue::process) return {};
    return sent;
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
    if (!valid_signal(number)) return fail(Errno::einval);
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

// kill(2): the process is alone in its group and its session.
Result<std::uint64_t> sys_kill(System& system, const Arguments& a) {
    const std::int32_t pid = int_argument(a[0]), number = int_argument(a[1]);
    const auto self = static_cast<std::int32_t>(system.task.pid);
    // -1 is everybody else but the first process.
    if (pid != 0 && pid != self && (pid != -self || pid == -1)) return fail(Errno::esrch);
    if (number != 0 && !valid_signal(number)) return fail(Errno::einval);
    return answer(send_signal(system, SignalQueue::process, number));
}

Result<std::uint64_t> sys_tkill(System& system, const Arguments& a) {
    const std::int32_t tid = int_argument(a[0]), number = int_argument(a[1]);
    if (tid <= 0) return fail(Errno::einval);
    if (static_cast<std::uint32_t>(tid) != system.task.tid) return fail(Errno::esrch);
    if (number != 0 && !valid_signal(number)) return fail(Errno::einval);
    return answer(send_signal(system, SignalQueue::thread, number));
}

Result<std::uint64_t> sys_tgkill(System& system, const Arguments& a) {
    const std::int32_t tgid = int_argument(a[0]);
    if (tgid <= 0 || int_argument(a[1]) <= 0) return fail(Errno::einval);
    if (static_cast<std::uint32_t>(tgid) != system.task.pid) return fail(Errno::esrch);
    return sys_tkill(system, Arguments{a[1], a[2]});
}

}  // namespace fl::kernel
