#include "kernel/clock_timer.hpp"

#include "kernel/user_time.hpp"

#include <algorithm>

namespace fl::kernel {

void ClockTimer::set(TimerClock clock, std::uint64_t expires_ns) {
    cancel();
    clock_ = std::move(clock);
    expires_ns_ = expires_ns;
}

void ClockTimer::restart() {
    cancel();
    const auto action = [this] {
        armed_.reset();
        expired_();
    };
    if (!clock_.counts_cpu_time) {
        armed_ = scheduler_.timers(clock_.base).add(expires_ns_, action);
    } else if (const auto cpu = clock_.cpu.lock()) {
        armed_ = cpu->timers(clock_.cpu_kind).add(expires_ns_, action);
    }
}

void ClockTimer::cancel() {
    if (!armed_) return;
    if (!clock_.counts_cpu_time) {
        scheduler_.timers(clock_.base).cancel(*armed_);
    } else if (const auto cpu = clock_.cpu.lock()) {
        cpu->timers(clock_.cpu_kind).cancel(*armed_);
    }
    armed_.reset();
}

std::uint64_t ClockTimer::now_ns() const {
    if (!clock_.counts_cpu_time) return scheduler_.now_ns(clock_.base);
    const auto cpu = clock_.cpu.lock();
    return cpu != nullptr ? cpu->now_ns(clock_.cpu_kind) : 0;
}

std::uint64_t ClockTimer::remaining_ns() const {
    const std::uint64_t now = now_ns();
    return expires_ns_ > now ? expires_ns_ - now : 0;
}

std::uint64_t ClockTimer::forward(std::uint64_t interval_ns) {
    const std::uint64_t now = now_ns(), interval = std::max<std::uint64_t>(interval_ns, 1);
    if (expires_ns_ > now) return 0;
    const std::uint64_t count = (now - expires_ns_) / interval + 1;
    const std::uint64_t before = expires_ns_ + (count - 1) * interval;
    expires_ns_ = add_times(before, interval);
    return count;
}

}  // namespace fl::kernel
