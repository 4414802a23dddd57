// The end of processes, and waiting for it (Linux: kernel/exit.c).
#include "kernel/pidfd.hpp"
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_usage.hpp"

#include <sys/wait.h>

namespace fl::kernel {

namespace {

// Which children a call waits for, and for what of them.
struct Wanted {
    enum class Who : std::uint8_t { any, process, group, descriptor };
    Who who = Who::any;
    std::uint32_t number = 0;
    int options = 0;
    std::shared_ptr<PidDescription> pidfd{};  // Who::descriptor

    bool matches(const Process& child) const {
        if (who == Who::process && child.pid != number) return false;
        if (who == Who::group && child.group != number) return false;
        if (who == Who::descriptor && pidfd->process().get() != &child) return false;
        // Children that do not tell by SIGCHLD are "clone children", for those who ask for them.
        const bool is_clone = child.exit_signal != SIGCHLD;
        return (options & __WALL) != 0 || is_clone == ((options & __WCLONE) != 0);
    }
};

// What there is to tell of a child.
struct Change {
    std::uint32_t pid = 0;  // 0: nothing
    int code = 0;           // CLD_
    int status = 0;         // exit status or signal
    Usage usage;
    std::uint32_t uid = 0;
};

int wait_status(const Change& change) {
    switch (change.code) {
        case CLD_EXITED: return (change.status & 0xff) << 8;
        case CLD_STOPPED: return change.status << 8 | 0x7f;
        case CLD_CONTINUED: return 0xffff;
        default: return change.status;
    }
}

// wait_consider_task(), for one child; nullopt: nothing to tell now.
std::optional<Change> take_change(System& system, Process& child, const Wanted& wanted) {
    const bool leave = (wanted.options & WNOWAIT) != 0;
    Change change;
    change.pid = child.pid;
    change.uid = credentials_of(child).user.real;
    if (child.is_zombie) {
        if ((wanted.options & WEXITED) == 0) return std::nullopt;
        const ExitStatus& exit = *child.exit;
        change.code = exit.signal != 0 ? CLD_KILLED : CLD_EXITED;
        change.status = exit.signal != 0 ? exit.signal : exit.status;
        change.usage = child.dead_threads;
        change.usage.add(child.children);
        if (!leave) system.processes.reap(child);
        return change;
    }
    if ((wanted.options & WSTOPPED) != 0 && child.stop_to_report) {
        change.code = CLD_STOPPED;
        change.status = child.stop_signal;
        change.usage = system.processes.usage_of(child);
        if (!leave) child.stop_to_report = false;
        return change;
    }
    if ((wanted.options & WCONTINUED) != 0 && child.continue_to_report) {
        change.code = CLD_CONTINUED;
        change.status = SIGCONT;
        change.usage = system.processes.usage_of(child);
        if (!leave) child.continue_to_report = false;
        return change;
    }
    return std::nullopt;
}

// do_wait(). ECHILD, EINTR.
Result<Change> wait_for_change(System& system, const Wanted& wanted) {
    Process& self = *system.task.process;
    for (;;) {
        bool any = false;
        for (const auto& [pid, child] : system.processes.all()) {
            if (child->parent != &self || !wanted.matches(*child)) continue;
            any = true;
            // The map may lose the child, so that the walk ends here.
            if (const auto change = take_change(system, *child, wanted)) return *change;
        }
        if (!any) return fail(Errno::echild);
        if ((wanted.options & WNOHANG) != 0) return Change{};
        if (system.scheduler.wait(system.task, self.child_changed) == WakeReason::signal) {
            return fail(interrupted(system.task));
        }
    }
}

Wanted wanted_by_pid(const System& system, std::int32_t pid, int options) {
    using Who = Wanted::Who;
    if (pid > 0) return {Who::process, static_cast<std::uint32_t>(pid), options, nullptr};
    if (pid == 0) return {Who::group, system.task.process->group, options, nullptr};
    if (pid == -1) return {Who::any, 0, options, nullptr};
    return {Who::group, static_cast<std::uint32_t>(-static_cast<std::int64_t>(pid)), options, nullptr};
}

// The part of siginfo_t that waitid(2) fills.
struct UserWaitInfo {
    std::int32_t number, error, code, padding;
    std::uint32_t pid, uid;
    std::int32_t status;
};

}  // namespace

Result<std::uint64_t> sys_wait4(System& system, const Arguments& a) {
    const int options = int_argument(a[2]);
    constexpr int known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | static_cast<int>(__WALL);
    if ((options & ~known) != 0) return fail(Errno::einval);
    const std::int32_t pid = int_argument(a[0]);
    if (pid == std::numeric_limits<std::int32_t>::min()) return fail(Errno::esrch);
    const auto change = wait_for_change(system, wanted_by_pid(system, pid, options | WEXITED));
    if (!change) return fail(change.error());
    if (change->pid == 0) return 0;
    const std::int32_t status = wait_status(*change);
    if (auto done = write_optional(system, a[1], status); !done) return fail(done.error());
    if (auto done = write_optional(system, a[3], user_usage(change->usage)); !done) return fail(done.error());
    return change->pid;
}

Result<std::uint64_t> sys_waitid(System& system, const Arguments& a) {
    const int options = int_argument(a[3]);
    constexpr int known =
        WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | static_cast<int>(__WALL);
    if ((options & ~known) != 0 || (options & (WEXITED | WSTOPPED | WCONTINUED)) == 0) return fail(Errno::einval);
    Wanted wanted{Wanted::Who::any, static_cast<std::uint32_t>(a[1]), options, nullptr};
    switch (int_argument(a[0])) {
        case P_ALL: break;
        case P_PID:
            if (int_argument(a[1]) <= 0) return fail(Errno::einval);
            wanted.who = Wanted::Who::process;
            break;
        case P_PGID:
            if (int_argument(a[1]) < 0) return fail(Errno::einval);
            wanted.who = Wanted::Who::group;
            if (wanted.number == 0) wanted.number = system.task.process->group;
            break;
        case P_PIDFD: {
            if (int_argument(a[1]) < 0) return fail(Errno::einval);
            auto pidfd = find_pidfd(system, a[1]);
            if (!pidfd) return fail(pidfd.error());
            wanted.who = Wanted::Who::descriptor;
            wanted.pidfd = std::move(*pidfd);
            if (wanted.pidfd->is_nonblocking()) wanted.options |= WNOHANG;
            break;
        }
        default: return fail(Errno::einval);
    }
    const auto change = wait_for_change(system, wanted);
    if (!change) return fail(change.error());
    // A pidfd that does not wait says so, unless the call itself did.
    if (change->pid == 0 && (options & WNOHANG) == 0) return fail(Errno::eagain);
    UserWaitInfo info{};
    if (change->pid != 0) {
        info = UserWaitInfo{SIGCHLD, 0, change->code, 0, change->pid, change->uid, change->status};
        if (auto done = write_optional(system, a[4], user_usage(change->usage)); !done) return fail(done.error());
    }
    return answer(write_optional(system, a[2], info));
}

Result<std::uint64_t> sys_exit(System& system, const Arguments& a) {
    system.task.exit_with(int_argument(a[0]));
    return 0;
}

Result<std::uint64_t> sys_exit_group(System& system, const Arguments& a) {
    system.processes.end_process(*system.task.process, ExitStatus{int_argument(a[0]) & 0xff, 0, false});
    return 0;
}

}  // namespace fl::kernel
