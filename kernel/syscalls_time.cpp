// Time (Linux: kernel/time/posix-timers.c, posix-cpu-timers.c, time.c).
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"
#include "kernel/user_usage.hpp"

#include <ctime>
#include <limits>
#include <optional>

namespace fl::kernel {

namespace {

constexpr std::uint64_t tick_ns = Clock::tick_ns;

// Which clock an id means. The CPU clocks of this process have a second, negative name each: ~pid * 8 + 2, and + 4 for
// a thread's (include/linux/posix-timers_types.h).
std::optional<clockid_t> clock_of(const System& system, std::uint64_t argument) {
    const std::int32_t id = int_argument(argument);
    if (id >= 0) {
        const bool known = id <= CLOCK_BOOTTIME || id == CLOCK_TAI;
        return known ? std::optional<clockid_t>(id) : std::nullopt;
    }
    constexpr std::int32_t cpu_clock_kinds = 3;  // profiling, user time, scheduler time
    const std::int32_t pid = ~(id >> 3), kind = id & 3;
    if (kind >= cpu_clock_kinds) return std::nullopt;
    if (pid != 0 && static_cast<std::uint32_t>(pid) != system.task.pid) return std::nullopt;
    return (id & 4) != 0 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
}

bool is_coarse(clockid_t clock) { return clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE; }

std::uint64_t read_clock(System& system, clockid_t clock) {
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_TAI:  // no leap seconds are known until somebody sets them
            return system.clock.realtime_ns();
        case CLOCK_REALTIME_COARSE: return system.clock.realtime_ns() / tick_ns * tick_ns;
        case CLOCK_MONOTONIC_COARSE: return system.clock.monotonic_ns() / tick_ns * tick_ns;
        case CLOCK_PROCESS_CPUTIME_ID:
            system.processes.account(system);
            return system.processes.usage_of(*system.task.process).time.total_ns();
        case CLOCK_THREAD_CPUTIME_ID: system.processes.account(system); return system.task.usage.time.total_ns();
        default: return system.clock.monotonic_ns();
    }
}

// Until `deadline_ns` of CLOCK_MONOTONIC. EINTR where a signal came first; what was left goes to `remaining`, unless
// that is 0.
Result<std::uint64_t> sleep_until(System& system, std::uint64_t deadline_ns, std::uint64_t remaining) {
    WaitQueue nobody_wakes;
    Task& task = system.task;
    if (system.scheduler.wait(task, nobody_wakes, deadline_ns) == WakeReason::timeout) return 0;
    const std::uint64_t now_ns = system.clock.monotonic_ns();
    const std::uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    if (auto done = write_optional(system, remaining, timespec_of(left_ns)); !done) return fail(done.error());
    return fail(interrupted(task, RestartCall::Kind::without_handler, deadline_ns));
}

Result<std::uint64_t> sleep_for(System& system, std::uint64_t duration_ns, std::uint64_t remaining) {
    const std::uint64_t wanted_ns = add_times(system.clock.monotonic_ns(), duration_ns);
    return sleep_until(system, system.task.restarted_deadline_ns.value_or(wanted_ns), remaining);
}

}  // namespace

Result<std::uint64_t> read_user_time(System& system, std::uint64_t address) {
    const auto wanted = system.user().read<UserTimespec>(VirtAddr(address));
    if (!wanted) return fail(wanted.error());
    if (wanted->seconds < 0) return fail(Errno::einval);
    if (static_cast<std::uint64_t>(wanted->nanoseconds) >= ns_per_s) return fail(Errno::einval);
    const auto seconds = static_cast<std::uint64_t>(wanted->seconds);
    if (seconds >= time_max_ns / ns_per_s) return time_max_ns;
    return seconds * ns_per_s + static_cast<std::uint64_t>(wanted->nanoseconds);
}

Result<std::uint64_t> sys_clock_gettime(System& system, const Arguments& a) {
    const auto clock = clock_of(system, a[0]);
    if (!clock) return fail(Errno::einval);
    return answer(system.user().write(VirtAddr(a[1]), timespec_of(read_clock(system, *clock))));
}

Result<std::uint64_t> sys_clock_getres(System& system, const Arguments& a) {
    const auto clock = clock_of(system, a[0]);
    if (!clock) return fail(Errno::einval);
    return answer(write_optional(system, a[1], timespec_of(is_coarse(*clock) ? tick_ns : Clock::resolution_ns)));
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
    const auto clock = clock_of(system, a[0]);
    if (!clock) {
        // The alarm clocks exist, but wake nobody without a real-time clock's help.
        const std::int32_t id = int_argument(a[0]);
        return fail(id == CLOCK_REALTIME_ALARM || id == CLOCK_BOOTTIME_ALARM ? Errno::eopnotsupp : Errno::einval);
    }
    if (is_coarse(*clock) || *clock == CLOCK_MONOTONIC_RAW || *clock == CLOCK_THREAD_CPUTIME_ID) {
        return fail(Errno::eopnotsupp);
    }
    const auto wanted_ns = read_user_time(system, a[2]);
    if (!wanted_ns) return wanted_ns;
    std::uint64_t duration_ns = *wanted_ns;
    if ((a[1] & TIMER_ABSTIME) != 0) {
        const std::uint64_t now_ns = read_clock(system, *clock);
        duration_ns = duration_ns > now_ns ? duration_ns - now_ns : 0;
    }
    // Who waits for a point in time knows it still: nothing is said of the rest.
    return sleep_for(system, duration_ns, (a[1] & TIMER_ABSTIME) != 0 ? 0 : a[3]);
}

}  // namespace fl::kernel
