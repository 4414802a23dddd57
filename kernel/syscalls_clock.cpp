// Setting and adjusting clocks, and processor time in ticks (Linux: kernel/time/time.c, timekeeping.c, ntp.c,
// kernel/sys.c). Here a clock can be stepped; its rate stays what it is.
#include "kernel/clock_id.hpp"
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"
#include "kernel/user_usage.hpp"

#include <sys/timex.h>

#include <ctime>
#include <limits>

namespace fl::kernel {

namespace {

constexpr std::int64_t max_minutes_west = 15 * 60;
// 30 years before the end of clocks (TIME_SETTOD_SEC_MAX).
constexpr std::int64_t last_second_to_set = static_cast<std::int64_t>(time_max_ns / ns_per_s) - 30LL * 365 * 24 * 3600;

bool may_set_time(const System& system) { return system.task.credentials.may(Capability::sys_time); }

// do_sys_settimeofday64(), do_settimeofday64().
Result<void> set_realtime(System& system, const UserTimespec& time) {
    const bool valid = time.seconds >= 0 && time.nanoseconds >= 0 &&
                       time.nanoseconds < static_cast<std::int64_t>(ns_per_s) && time.seconds < last_second_to_set;
    if (!valid) return fail(Errno::einval);
    if (!may_set_time(system)) return fail(Errno::eperm);
    const std::uint64_t ns =
        static_cast<std::uint64_t>(time.seconds) * ns_per_s + static_cast<std::uint64_t>(time.nanoseconds);
    // The machine cannot have been started before the epoch.
    if (ns < system.clock.monotonic_ns()) return fail(Errno::einval);
    system.clock.set_realtime(ns);
    return {};
}

// timekeeping_validate_timex().
Result<void> check_adjustment(const System& system, const timex& wanted) {
    const unsigned modes = wanted.modes;
    constexpr unsigned adjtime = 0x8000, single_shot = 0x0001, read_only = 0x2000;  // ADJ_ADJTIME and its parts
    if ((modes & adjtime) != 0) {
        if ((modes & single_shot) == 0) return fail(Errno::einval);
        if ((modes & read_only) == 0 && !may_set_time(system)) return fail(Errno::eperm);
    } else {
        if (modes != 0 && !may_set_time(system)) return fail(Errno::eperm);
        constexpr long slowest_tick = 9'000, fastest_tick = 11'000;
        if ((modes & ADJ_TICK) != 0 && (wanted.tick < slowest_tick || wanted.tick > fastest_tick)) {
            return fail(Errno::einval);
        }
    }
    if ((modes & ADJ_SETOFFSET) != 0) {
        if (!may_set_time(system)) return fail(Errno::eperm);
        const long end = (modes & ADJ_NANO) != 0 ? 1'000'000'000 : 1'000'000;
        if (wanted.time.tv_usec < 0 || wanted.time.tv_usec >= end) return fail(Errno::einval);
    }
    constexpr std::int64_t ppm_scale = 65'536'000;  // PPM_SCALE, which the frequency is multiplied by
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / ppm_scale;
    if ((modes & ADJ_FREQUENCY) != 0 && (wanted.freq > most || wanted.freq < -most)) return fail(Errno::einval);
    return {};
}

// timekeeping_inject_offset(). EINVAL where time would end up before the machine was started, or after its end.
Result<void> step_by(System& system, const timex& wanted) {
    const std::int64_t unit_ns = (wanted.modes & ADJ_NANO) != 0 ? 1 : static_cast<std::int64_t>(ns_per_us);
    const UserTimespec now = timespec_of(system.clock.realtime_ns());
    if (wanted.time.tv_sec > last_second_to_set || wanted.time.tv_sec < -last_second_to_set) return fail(Errno::einval);
    const std::int64_t ns = now.nanoseconds + wanted.time.tv_usec * unit_ns;
    constexpr auto second = static_cast<std::int64_t>(ns_per_s);
    return set_realtime(system, {now.seconds + wanted.time.tv_sec + ns / second, ns % second});
}

// What ntp_clear() leaves: nobody has synchronised the clock.
timex unsynchronised(System& system, const timex& wanted) {
    constexpr long phase_limit_us = 16'000'000, tolerance = 32'768'000, tick_us = 10'000;
    timex told = wanted;
    told.offset = 0, told.freq = 0;
    told.maxerror = told.esterror = phase_limit_us;
    told.status = STA_UNSYNC;
    told.constant = 2, told.precision = 1;
    told.tolerance = tolerance;
    told.tick = tick_us;
    told.ppsfreq = told.jitter = told.stabil = 0;
    told.shift = 0;
    told.jitcnt = told.calcnt = told.errcnt = told.stbcnt = 0;
    told.tai = system.clock.tai_offset_s();
    const UserTimespec now = timespec_of(system.clock.realtime_ns());
    told.time = {now.seconds, now.nanoseconds / static_cast<std::int64_t>(ns_per_us)};
    return told;
}

Result<std::uint64_t> adjust(System& system, std::uint64_t address) {
    const auto wanted = system.user().read<timex>(VirtAddr(address));
    if (!wanted) return fail(wanted.error());
    if (auto checked = check_adjustment(system, *wanted); !checked) return fail(checked.error());
    if ((wanted->modes & ADJ_SETOFFSET) != 0) {
        if (auto stepped = step_by(system, *wanted); !stepped) return fail(stepped.error());
    }
    constexpr long max_tai_offset = 100'000;  // MAX_TAI_OFFSET
    if ((wanted->modes & ADJ_TAI) != 0 && wanted->constant >= 0 && wanted->constant <= max_tai_offset) {
        system.clock.set_tai_offset(static_cast<std::int32_t>(wanted->constant));
    }
    if (auto done = system.user().write(VirtAddr(address), unsynchronised(system, *wanted)); !done) {
        return fail(done.error());
    }
    return TIME_ERROR;
}

}  // namespace

Result<std::uint64_t> sys_clock_settime(System& system, const Arguments& a) {
    const auto clock = find_clock(system, a[0], ClockUse::other);
    const bool is_realtime = clock && clock->kind == ClockId::Kind::machine && clock->number == CLOCK_REALTIME;
    const bool is_cpu = clock && clock->kind == ClockId::Kind::encoded_cpu;
    if (!is_realtime && !is_cpu) return fail(Errno::einval);
    const auto time = system.user().read<UserTimespec>(VirtAddr(a[1]));
    if (!time) return fail(time.error());
    // Nobody can have used another time than was used.
    if (is_cpu) return fail(clock->cpu != nullptr ? Errno::eperm : Errno::einval);
    return answer(set_realtime(system, *time));
}

// The time zone is checked and means nothing to anybody.
Result<std::uint64_t> sys_settimeofday(System& system, const Arguments& a) {
    std::optional<UserTimespec> time;
    if (a[0] != 0) {
        const auto read = system.user().read<UserTimeval>(VirtAddr(a[0]));
        if (!read) return fail(read.error());
        if (read->microseconds < 0 || read->microseconds > 1'000'000) return fail(Errno::einval);
        time = UserTimespec{read->seconds, read->microseconds * static_cast<std::int64_t>(ns_per_us)};
    }
    std::int32_t minutes_west = 0;
    if (a[1] != 0) {
        const auto zone = system.user().read<std::array<std::int32_t, 2>>(VirtAddr(a[1]));
        if (!zone) return fail(zone.error());
        minutes_west = (*zone)[0];
    }
    if (time && (time->seconds < 0 || time->seconds >= last_second_to_set ||
                 time->nanoseconds >= static_cast<std::int64_t>(ns_per_s))) {
        return fail(Errno::einval);
    }
    if (!may_set_time(system)) return fail(Errno::eperm);
    if (minutes_west > max_minutes_west || minutes_west < -max_minutes_west) return fail(Errno::einval);
    return time ? answer(set_realtime(system, *time)) : 0;
}

Result<std::uint64_t> sys_adjtimex(System& system, const Arguments& a) { return adjust(system, a[0]); }

Result<std::uint64_t> sys_clock_adjtime(System& system, const Arguments& a) {
    // What is passed is read first, whatever the clock.
    if (const auto wanted = system.user().read<timex>(VirtAddr(a[1])); !wanted) return fail(wanted.error());
    const auto clock = find_clock(system, a[0], ClockUse::other);
    if (!clock) return fail(Errno::einval);
    if (clock->kind != ClockId::Kind::machine || clock->number != CLOCK_REALTIME) {
        return fail(clock->kind == ClockId::Kind::device ? Errno::einval : Errno::eopnotsupp);
    }
    return adjust(system, a[1]);
}

// In hundredths of a second (USER_HZ).
Result<std::uint64_t> sys_times(System& system, const Arguments& a) {
    constexpr std::uint64_t tick_ns = 10'000'000;
    system.processes.account(system);
    const CpuTime own = system.processes.usage_of(*system.task.process).time;
    const CpuTime children = system.task.process->children.time;
    const std::array<std::uint64_t, 4> times{own.user_ns / tick_ns, own.system_ns / tick_ns, children.user_ns / tick_ns,
                                             children.system_ns / tick_ns};
    if (auto done = write_optional(system, a[0], times); !done) return fail(done.error());
    return system.clock.monotonic_ns() / tick_ns;
}

}  // namespace fl::kernel
