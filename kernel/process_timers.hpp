// ProcessTimers: all timers of a process that send it signals.
#pragma once

#include "kernel/interval_timers.hpp"
#include "kernel/posix_timers.hpp"

namespace fl::kernel {

class ProcessTimers final : public TimerSignals {
public:
    ProcessTimers(Process& process, Processes& processes, Scheduler& scheduler)
        : intervals_(process, processes, scheduler), posix_(process, processes, scheduler) {}

    IntervalTimers& intervals() { return intervals_; }
    PosixTimers& posix() { return posix_; }

    bool taken(SignalInfo& info) override { return posix_.taken(info); }
    void discarded(const SignalInfo& info) override { posix_.discarded(info); }
    void no_longer_ignored(int number) override { posix_.no_longer_ignored(number); }
    void alarm_taken() override { intervals_.alarm_taken(); }

private:
    IntervalTimers intervals_;
    PosixTimers posix_;
};

// Of the calling process, which has none before it is asked for them.
ProcessTimers& timers_of(System& system);

}  // namespace fl::kernel
