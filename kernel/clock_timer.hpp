// ClockTimer: something that is to happen once, at a time of one clock (Linux: struct hrtimer). Who wants it again and
// again moves it on by forward() and restart(), when whoever the timer is for has seen that it expired.
#pragma once

#include "kernel/cpu_clock.hpp"
#include "kernel/scheduler.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace fl::kernel {

// A clock that timers can be set by.
struct TimerClock {
    TimeBase base = TimeBase::monotonic;
    // Processor time instead. Its owner may be gone meanwhile.
    bool counts_cpu_time = false;
    std::weak_ptr<CpuClock> cpu{};
    CpuTimeKind cpu_kind = CpuTimeKind::all;
};

// What a timer was set to, or has left.
struct TimerSetting {
    std::uint64_t value_ns = 0;  // 0: it does not run
    std::uint64_t interval_ns = 0;
};

class ClockTimer {
public:
    // `expired` may restart the timer. The scheduler must outlive it while it is armed.
    ClockTimer(Scheduler& scheduler, std::function<void()> expired)
        : scheduler_(scheduler), expired_(std::move(expired)) {}
    ClockTimer(const ClockTimer&) = delete;
    ClockTimer& operator=(const ClockTimer&) = delete;
    ~ClockTimer() { cancel(); }

    // Sets when, without arming.
    void set(TimerClock clock, std::uint64_t expires_ns);
    // It will happen at the time that was set, at once where that is past. Never where the clock's owner is gone.
    void restart();
    void cancel();
    // Whether it is still to happen.
    bool is_armed() const { return armed_.has_value(); }
    // Of the clock that it was set by.
    std::uint64_t now_ns() const;
    // Until it happens; 0 where that is past.
    std::uint64_t remaining_ns() const;
    // hrtimer_forward(): the time moves on by whole intervals until it lies ahead; by how many.
    std::uint64_t forward(std::uint64_t interval_ns);

private:
    Scheduler& scheduler_;
    std::function<void()> expired_;
    TimerClock clock_;
    std::uint64_t expires_ns_ = 0;
    std::optional<Timers::Id> armed_;
};

}  // namespace fl::kernel
