// IntervalTimers: ITIMER_REAL, ITIMER_VIRTUAL and ITIMER_PROF of a process (Linux: kernel/time/itimer.c).
#pragma once

#include "kernel/clock_timer.hpp"

#include <array>
#include <cstdint>

namespace fl::kernel {

class Processes;

class IntervalTimers {
public:
    // All must outlive the timers.
    IntervalTimers(Process& process, Processes& processes, Scheduler& scheduler);

    // `which` is ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF.
    TimerSetting read(int which) const;
    void set(int which, const TimerSetting& setting);
    // The SIGALRM was taken: now it may ring again (posixtimer_rearm_itimer).
    void alarm_taken();

private:
    struct One {
        ClockTimer timer;
        std::uint64_t interval_ns = 0;
    };
    One& timer(int which) { return timers_[static_cast<std::size_t>(which)]; }
    const One& timer(int which) const { return timers_[static_cast<std::size_t>(which)]; }
    TimerClock clock_of(int which) const;
    void expired(int which);

    Process& process_;
    Processes& processes_;
    std::array<One, 3> timers_;
};

}  // namespace fl::kernel
