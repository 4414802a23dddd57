// Time (Linux: kernel/time/posix-timers.c, posix-cpu-timers.c, time.c).
#include "kernel/clock_id.hpp"
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"
#include "kernel/user_timer.hpp"
#include "kernel/user_usage.hpp"

#include <ctime>
#include <optional>

namespace fl::kernel {

namespace {

// What a sleep had left goes to `remaining`, unless that is 0. 0 where nothing is left, EINTR.
Result<std::uint64_t> sleep_interrupted(System& system, std::uint64_t left_ns, std::uint64_t remaining,
                                        std::optional<std::uint64_t> deadline_ns) {
    if (left_ns == 0) return 0;
    if (auto done = write_optional(system, remaining, timespec_of(left_ns)); !done) return fail(done.error());
    return fail(interrupted(system.task, RestartCall::Kind::without_handler, deadline_ns));
}

Result<std::uint64_t> sleep_for(System& system, std::uint64_t duration_ns, std::uint64_t remaining) {
    const std::uint64_t wanted_ns = add_times(system.clock.monotonic_ns(), duration_ns);
    const std::uint64_t deadline_ns = system.task.restarted_deadline_ns.value_or(wanted_ns);
    WaitQueue nobody_wakes;
    if (system.scheduler.wait(system.task, nobody_wakes, deadline_ns) == WakeReason::timeout) return 0;
    const std::uint64_t now_ns = system.clock.monotonic_ns();
    return sleep_interrupted(system, deadline_ns > now_ns ? deadline_ns - now_ns : 0, remaining, deadline_ns);
}

// Who waits for a point in time knows it still: nothing is said of the rest, and the call is made again as it was.
Result<std::uint64_t> sleep_until(System& system, TimeBase base, std::uint64_t deadline_ns) {
    const WaitRequest request{.deadline_ns = deadline_ns, .deadline_base = base};
    if (system.scheduler.wait(system.task, request) == WakeReason::timeout) return 0;
    return fail(interrupted(system.task, RestartCall::Kind::without_handler));
}

// do_cpu_nanosleep(): until somebody else has used so much of the processor.
Result<std::uint64_t> sleep_by_cpu_time(System& system, const ClockId& clock, std::uint64_t time_ns, bool is_absolute,
                                        std::uint64_t remaining) {
    if (clock.cpu == nullptr || clock.is_own_thread) return fail(Errno::einval);
    Task& task = system.task;
    system.processes.account(system);
    const std::uint64_t wanted_ns = is_absolute ? time_ns : add_times(clock.cpu->now_ns(clock.cpu_kind), time_ns);
    const std::uint64_t deadline_ns = is_absolute ? wanted_ns : task.restarted_deadline_ns.value_or(wanted_ns);
    bool is_over = false;
    ClockTimer timer(system.scheduler, [&] {
        is_over = true;
        system.scheduler.wake(task, WakeReason::timeout);
    });
    timer.set(clock.timer_clock(), deadline_ns);
    if (timer.remaining_ns() == 0) return 0;
    timer.restart();
    WaitQueue nobody_wakes;
    (void)system.scheduler.wait(task, nobody_wakes);
    if (is_over) return 0;
    if (is_absolute) return fail(interrupted(task, RestartCall::Kind::without_handler));
    return sleep_interrupted(system, timer.remaining_ns(), remaining, deadline_ns);
}

}  // namespace

Result<std::uint64_t> time_ns_of(const UserTimespec& time) {
    if (time.seconds < 0 || static_cast<std::uint64_t>(time.nanoseconds) >= ns_per_s) return fail(Errno::einval);
    const auto seconds = static_cast<std::uint64_t>(time.seconds);
    if (seconds >= time_max_ns / ns_per_s) return time_max_ns;
    return seconds * ns_per_s + static_cast<std::uint64_t>(time.nanoseconds);
}

Result<std::uint64_t> read_user_time(System& system, std::uint64_t address) {
    const auto wanted = system.user().read<UserTimespec>(VirtAddr(address));
    if (!wanted) return fail(wanted.error());
    return time_ns_of(*wanted);
}

Result<TimerSetting> timer_setting_of(const UserTimerSetting& user) {
    const auto interval_ns = time_ns_of(user.interval), value_ns = time_ns_of(user.value);
    if (!interval_ns || !value_ns) return fail(Errno::einval);
    return TimerSetting{*value_ns, *interval_ns};
}

Result<TimerSetting> read_timer_setting(System& system, std::uint64_t address) {
    const auto user = system.user().read<UserTimerSetting>(VirtAddr(address));
    if (!user) return fail(user.error());
    return timer_setting_of(*user);
}

Result<std::uint64_t> sys_clock_gettime(System& system, const Arguments& a) {
    const auto clock = find_clock(system, a[0], ClockUse::read);
    if (!clock) return fail(Errno::einval);
    const auto now_ns = read_clock(system, *clock);
    if (!now_ns) return now_ns;
    return answer(system.user().write(VirtAddr(a[1]), timespec_of(*now_ns)));
}

Result<std::uint64_t> sys_clock_getres(System& system, const Arguments& a) {
    const auto clock = find_clock(system, a[0], ClockUse::other);
    if (!clock || clock->kind == ClockId::Kind::device || clock->is_alarm()) return fail(Errno::einval);
    if (clock->counts_cpu_time() && clock->cpu == nullptr) return fail(Errno::einval);
    const bool by_tick = clock->is_coarse() || (clock->counts_cpu_time() && !clock->is_scheduler_time);
    return answer(write_optional(system, a[1], timespec_of(by_tick ? Clock::tick_ns : Clock::resolution_ns)));
}

Result<std::uint64_t> sys_gettimeofday(System& system, const Arguments& a) {
    const UserTimespec now = timespec_of(system.clock.realtime_ns());
    const UserTimeval answered{now.seconds, now.nanoseconds / static_cast<std::int64_t>(ns_per_us)};
    if (auto done = write_optional(system, a[0], answered); !done) return fail(done.error());
    struct {
        std::int32_t minutes_west, dst;
    } constexpr utc{0, 0};
    return answer(write_optional(system, a[1], utc));
}

Result<std::uint64_t> sys_time(System& system, const Arguments& a) {
    const std::uint64_t seconds = system.clock.realtime_ns() / ns_per_s;
    if (auto done = write_optional(system, a[0], seconds); !done) return fail(done.error());
    return seconds;
}

Result<std::uint64_t> sys_nanosleep(System& system, const Arguments& a) {
    const auto duration_ns = read_user_time(system, a[0]);
    if (!duration_ns) return duration_ns;
    return sleep_for(system, *duration_ns, a[1]);
}

Result<std::uint64_t> sys_clock_nanosleep(System& system, const Arguments& a) {
    const auto clock = find_clock(system, a[0], ClockUse::other);
    if (!clock) return fail(Errno::einval);
    const bool raw = clock->kind == ClockId::Kind::machine && clock->number == CLOCK_MONOTONIC_RAW;
    const bool own_thread = clock->kind == ClockId::Kind::cpu && clock->is_thread;
    if (clock->kind == ClockId::Kind::device || raw || own_thread || clock->is_coarse()) {
        return fail(Errno::eopnotsupp);
    }
    // The alarm clocks exist, but wake nobody without a real-time clock's help.
    if (clock->is_alarm()) return fail(Errno::eopnotsupp);
    const auto wanted_ns = read_user_time(system, a[2]);
    if (!wanted_ns) return wanted_ns;
    const bool is_absolute = (a[1] & TIMER_ABSTIME) != 0;
    if (clock->counts_cpu_time()) return sleep_by_cpu_time(system, *clock, *wanted_ns, is_absolute, a[3]);
    if (is_absolute) return sleep_until(system, clock->timer_clock().base, *wanted_ns);
    return sleep_for(system, *wanted_ns, a[3]);
}

}  // namespace fl::kernel
