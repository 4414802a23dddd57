// Interval timers, and the timers of timer_create(2) (Linux: kernel/time/itimer.c, posix-timers.c).
#include "kernel/process_timers.hpp"
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_timer.hpp"
#include "kernel/user_usage.hpp"

#include <sys/time.h>

#include <csignal>
#include <ctime>

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

UserInterval user_interval(const TimerSetting& setting) {
    return {timeval_of(setting.interval_ns), timeval_of(setting.value_ns)};
}

bool is_interval_timer(int which) { return which == ITIMER_REAL || which == ITIMER_VIRTUAL || which == ITIMER_PROF; }

// What a timer had left, and what it gets.
TimerSetting exchange_interval(System& system, int which, const TimerSetting& setting) {
    system.processes.account(system);
    IntervalTimers& timers = timers_of(system).intervals();
    const TimerSetting old = timers.read(which);
    timers.set(which, setting);
    return old;
}

// --- timer_create and its like

struct UserEvent {  // struct sigevent
    std::uint64_t value;
    std::int32_t signal;
    std::int32_t notify;
    std::int32_t thread;
    std::array<std::int32_t, 11> padding;
};
static_assert(sizeof(UserEvent) == 64);

// good_sigevent(). EINVAL.
Result<TimerNotification> notification_of(const System& system, const UserEvent& event) {
    TimerNotification made{.signal = event.signal, .value = event.value};
    switch (event.notify) {
        case SIGEV_NONE: made.kind = TimerNotification::Kind::none; return made;
        case SIGEV_SIGNAL | SIGEV_THREAD_ID: {
            made.kind = TimerNotification::Kind::thread;
            made.thread = static_cast<std::uint32_t>(event.thread);
            const System* target = system.processes.find_task(made.thread);
            if (target == nullptr || target->task.process != system.task.process) return fail(Errno::einval);
            break;
        }
        case SIGEV_SIGNAL:
        case SIGEV_THREAD: break;
        default: return fail(Errno::einval);
    }
    if (event.signal <= 0 || event.signal > signal_count) return fail(Errno::einval);
    return made;
}

// Which clocks wake anybody: EINVAL, EOPNOTSUPP.
Result<ClockId> clock_with_timers(const System& system, std::uint64_t id) {
    const auto clock = find_clock(system, id, ClockUse::other);
    if (!clock) return fail(Errno::einval);
    const bool raw = clock->kind == ClockId::Kind::machine && clock->number == CLOCK_MONOTONIC_RAW;
    if (clock->kind == ClockId::Kind::device || raw || clock->is_coarse()) return fail(Errno::eopnotsupp);
    return *clock;
}

}  // namespace

Result<std::uint64_t> sys_alarm(System& system, const Arguments& a) {
    const std::uint64_t value_ns = static_cast<std::uint64_t>(static_cast<std::uint32_t>(a[0])) * ns_per_s;
    const UserTimeval old = timeval_of(exchange_interval(system, ITIMER_REAL, {value_ns, 0}).value_ns);
    // Rounded, and never to 0 where there is something left (alarm_setitimer).
    const bool rounds_up = (old.seconds == 0 && old.microseconds > 0) || old.microseconds >= 500'000;
    return static_cast<std::uint64_t>(old.seconds) + (rounds_up ? 1 : 0);
}

Result<std::uint64_t> sys_getitimer(System& system, const Arguments& a) {
    const int which = int_argument(a[0]);
    if (!is_interval_timer(which)) return fail(Errno::einval);
    system.processes.account(system);
    const auto now = user_interval(timers_of(system).intervals().read(which));
    return answer(system.user().write(VirtAddr(a[1]), now));
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
    if (!is_interval_timer(which)) return fail(Errno::einval);
    const TimerSetting old = exchange_interval(system, which, {*value_ns, *interval_ns});
    return answer(write_optional(system, a[2], user_interval(old)));
}

Result<std::uint64_t> sys_timer_create(System& system, const Arguments& a) {
    std::optional<UserEvent> event;
    if (a[1] != 0) {
        const auto read = system.user().read<UserEvent>(VirtAddr(a[1]));
        if (!read) return fail(read.error());
        event = *read;
    }
    const auto clock = clock_with_timers(system, a[0]);
    if (!clock) return fail(clock.error());
    const std::uint64_t most = soft_limit(system.task.process->limits, Limit::pending_signals);
    if (system.processes.queued_signals(system.task.credentials.user.real) >= most) return fail(Errno::eagain);
    std::optional<TimerNotification> notification;
    if (event) {
        const auto made = notification_of(system, *event);
        if (!made) return fail(made.error());
        notification = *made;
    }
    PosixTimers& timers = timers_of(system).posix();
    const std::int32_t id = timers.add(*clock, notification);
    const auto created = [&]() -> Result<void> {
        if (auto done = system.user().write(VirtAddr(a[2]), id); !done) return done;
        if (clock->counts_cpu_time() && clock->cpu == nullptr) return fail(Errno::einval);
        if (!clock->is_alarm()) return {};
        // There is no real-time clock that could wake the machine (alarm_timer_create).
        return fail(Errno::eopnotsupp);
    }();
    if (!created) (void)timers.remove(id);
    return answer(created);
}

Result<std::uint64_t> sys_timer_settime(System& system, const Arguments& a) {
    if (a[2] == 0) return fail(Errno::einval);
    const auto wanted = read_timer_setting(system, a[2]);
    if (!wanted) return fail(wanted.error());
    system.processes.account(system);
    const bool is_absolute = (int_argument(a[1]) & TIMER_ABSTIME) != 0;
    const auto old = timers_of(system).posix().set(int_argument(a[0]), *wanted, is_absolute);
    if (!old) return fail(old.error());
    return answer(write_optional(system, a[3], user_timer_setting(*old)));
}

Result<std::uint64_t> sys_timer_gettime(System& system, const Arguments& a) {
    system.processes.account(system);
    const auto setting = timers_of(system).posix().read(int_argument(a[0]));
    if (!setting) return fail(setting.error());
    return answer(system.user().write(VirtAddr(a[1]), user_timer_setting(*setting)));
}

Result<std::uint64_t> sys_timer_getoverrun(System& system, const Arguments& a) {
    const auto count = timers_of(system).posix().overrun(int_argument(a[0]));
    if (!count) return fail(count.error());
    return static_cast<std::uint64_t>(*count);
}

Result<std::uint64_t> sys_timer_delete(System& system, const Arguments& a) {
    return answer(timers_of(system).posix().remove(int_argument(a[0])));
}

}  // namespace fl::kernel
