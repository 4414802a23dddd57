#include "kernel/vfs/signal_description.hpp"

#include "kernel/signal_frame.hpp"
#include "kernel/system.hpp"

#include <sys/signalfd.h>

namespace fl::kernel {

namespace {

enum class Layout : std::uint8_t { sender, timer, poll, fault, child, queued };

// siginfo_layout().
Layout layout_of(const SignalInfo& info) {
    if (info.code == si_code_timer) return Layout::timer;
    if (info.code < 0) return info.code == SI_SIGIO ? Layout::poll : Layout::queued;
    if (info.code == si_code_user || info.code >= si_code_kernel) return Layout::sender;
    switch (info.number) {
        case SIGILL:
        case SIGFPE:
        case SIGSEGV:
        case SIGBUS:
        case SIGTRAP: return Layout::fault;
        case SIGCHLD: return Layout::child;
        default: return Layout::poll;
    }
}

// signalfd_copyinfo().
signalfd_siginfo copy_of(const SignalInfo& info) {
    const UserSignalInfo user = user_signal_info(info);
    signalfd_siginfo copy{};
    copy.ssi_signo = static_cast<std::uint32_t>(user.number);
    copy.ssi_code = user.code;
    switch (layout_of(info)) {
        case Layout::sender: copy.ssi_pid = user.sender.pid, copy.ssi_uid = user.sender.uid; break;
        case Layout::timer:
            copy.ssi_tid = static_cast<std::uint32_t>(user.timer.id);
            copy.ssi_overrun = static_cast<std::uint32_t>(user.timer.overrun);
            copy.ssi_ptr = user.timer.value;
            copy.ssi_int = static_cast<std::int32_t>(user.timer.value);
            break;
        case Layout::poll:
            copy.ssi_band = static_cast<std::uint32_t>(user.all[0]);
            copy.ssi_fd = static_cast<std::int32_t>(user.all[1]);
            break;
        case Layout::fault: copy.ssi_addr = user.address; break;
        case Layout::child:
            copy.ssi_pid = user.child.pid, copy.ssi_uid = user.child.uid;
            copy.ssi_status = user.child.status;
            copy.ssi_utime = static_cast<std::uint64_t>(user.child.user_ticks);
            copy.ssi_stime = static_cast<std::uint64_t>(user.child.system_ticks);
            break;
        case Layout::queued:
            copy.ssi_pid = user.queued.pid, copy.ssi_uid = user.queued.uid;
            copy.ssi_ptr = user.queued.value;
            copy.ssi_int = static_cast<std::int32_t>(user.queued.value);
            break;
    }
    return copy;
}

}  // namespace

Result<std::uint64_t> SignalDescription::read(System& system, UserSegments& into, std::uint64_t&) {
    if (into.bytes_left() < sizeof(signalfd_siginfo)) return fail(Errno::einval);
    std::uint64_t done = 0;
    while (into.bytes_left() >= sizeof(signalfd_siginfo)) {
        const auto taken = system.task.signals.take(wanted_);
        if (!taken) {
            if (done > 0) break;
            if (blocking() == ByteChannel::Blocking::no) return fail(Errno::eagain);
            const WakeReason reason = system.scheduler.wait(system.task, scheduler_.signal_queued());
            if (reason == WakeReason::signal && (system.task.signals.pending() & wanted_).empty()) {
                return fail(interrupted(system.task));
            }
            continue;
        }
        const signalfd_siginfo copy = copy_of(*taken);
        const std::uint64_t copied = into.copy_to_guest(std::as_bytes(std::span(&copy, 1)));
        if (copied != sizeof copy) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
        done += sizeof copy;
    }
    return done;
}

short SignalDescription::ready_events() const {
    const Task* task = scheduler_.current();
    if (task == nullptr || (task->signals.pending() & wanted_).empty()) return 0;
    return POLLIN;
}

}  // namespace fl::kernel
