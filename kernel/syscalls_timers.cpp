// Interval timers (Linux: kernel/time/itimer.c).
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"
#include "kernel/user_usage.hpp"

#include <sys/time.h>

namespace fl::kernel {

namespace {

struct UserInterval {  // struct itimerval
    UserTimeval interval, value;
};

Result<std::uint64_t> ns_of(const UserTimeval& time) {
    if (time.seconds < 0 || time.microseconds < 0 || time.microseconds >= 1'000'000) return fail(Errno::einval);
    const auto seconds = static_cast<std::uint64_t>(time.seconds);
    if (seconds >= time_max_ns / ns_per_s) return time_max_ns;
    return seconds * ns_per_s + static_cast<std::uint64_t>(time.microseconds) * ns_per_us;
}

// What is left of ITIMER_REAL; one that is about to ring still has a microsecond.
UserInterval read_alarm(const System& system) {
    const Process& process = *system.task.process;
    if (!process.alarm) return {};
    const std::uint64_t now_ns = system.clock.monotonic_ns(), deadline_ns = process.alarm->first;
    const std::uint64_t left_ns = deadline_ns > now_ns + ns_per_us ? deadline_ns - now_ns : ns_per_us;
    return {timeval_of(process.alarm_interval_ns), timeval_of(left_ns)};
}

void arm(Scheduler& scheduler, Processes& processes, Process& process, std::uint64_t deadline_ns) {
    process.alarm = scheduler.timers().add(deadline_ns, [&scheduler, &processes, &process, deadline_ns] {
        process.alarm.reset();
        if (process.alarm_interval_ns != 0) {
            arm(scheduler, processes, process, add_times(deadline_ns, process.alarm_interval_ns));
        }
        (void)processes.send_to_process(process, SignalInfo{.number = SIGALRM, .code = si_code_kernel});
    });
}

void set_alarm(System& system, std::uint64_t value_ns, std::uint64_t interval_ns) {
    Process& process = *system.task.process;
    if (process.alarm) system.scheduler.timers().cancel(*process.alarm);
    process.alarm.reset();
    process.alarm_interval_ns = value_ns != 0 ? interval_ns : 0;
    if (value_ns == 0) return;
    arm(system.scheduler, system.processes, process, add_times(system.clock.monotonic_ns(), value_ns));
}

}  // namespace

Result<std::uint64_t> sys_alarm(System& system, const Arguments& a) {
    const UserInterval old = read_alarm(system);
    set_alarm(system, static_cast<std::uint64_t>(static_cast<std::uint32_t>(a[0])) * ns_per_s, 0);
    // Rounded, and never to 0 where there is something left (alarm_setitimer).
    const bool rounds_up = (old.value.seconds == 0 && old.value.microseconds > 0) || old.value.microseconds >= 500'000;
    return static_cast<std::uint64_t>(old.value.seconds) + (rounds_up ? 1 : 0);
}

// Those that count processor time are there and do not ring.
Result<std::uint64_t> sys_getitimer(System& system, const Arguments& a) {
    const int which = int_argument(a[0]);
    if (which != ITIMER_REAL && which != ITIMER_VIRTUAL && which != ITIMER_PROF) return fail(Errno::einval);
    return answer(system.user().write(VirtAddr(a[1]), which == ITIMER_REAL ? read_alarm(system) : UserInterval{}));
}

Result<std::uint64_t> sys_setitimer(System& system, const Arguments& a) {
    const int which = int_argument(a[0]);
    UserInterval wanted{};
    if (a[1] != 0) {
        const auto read = system.user().read<UserInterval>(VirtAddr(a[1]));
        if (!read) return fail(read.error());
        wanted = *read;
    }
    const auto value_ns = ns_of(wanted.value), interval_ns = ns_of(wanted.interval);
    if (!value_ns || !interval_ns) return fail(Errno::einval);
    if (which == ITIMER_VIRTUAL || which == ITIMER_PROF) return fail(Errno::enosys);
    if (which != ITIMER_REAL) return fail(Errno::einval);
    const UserInterval old = read_alarm(system);
    set_alarm(system, *value_ns, *interval_ns);
    return answer(write_optional(system, a[2], old));
}

}  // namespace fl::kernel
