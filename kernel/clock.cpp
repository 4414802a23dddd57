#include "kernel/clock.hpp"

#include "kernel/host_signals.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>

namespace fl::kernel {

namespace {

constexpr std::uint64_t ns_per_s = 1'000'000'000;
// As far as Linux's clocks go (KTIME_MAX); sums stop there instead of wrapping.
constexpr std::uint64_t time_max_ns = std::numeric_limits<std::int64_t>::max();

std::uint64_t add_times(std::uint64_t a, std::uint64_t b) {
    return a > time_max_ns - std::min(b, time_max_ns) ? time_max_ns : a + b;
}

std::uint64_t host_ns(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * ns_per_s + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t host_sleep_until(std::uint64_t monotonic_ns) {
    const timespec deadline{static_cast<time_t>(monotonic_ns / ns_per_s), static_cast<long>(monotonic_ns % ns_per_s)};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
        if (!HostSignals::arrived()) continue;
        const std::uint64_t now_ns = host_ns(CLOCK_MONOTONIC);
        return monotonic_ns > now_ns ? monotonic_ns - now_ns : 0;
    }
    return 0;
}

}  // namespace

Clock::Clock(ClockMode mode, const WorkMeter& meter, CostModel costs) : mode_(mode), meter_(meter), costs_(costs) {
    if (mode_ != ClockMode::host) return;
    host_start_ns_ = host_ns(CLOCK_MONOTONIC);
    host_cpu_start_ns_ = host_ns(CLOCK_PROCESS_CPUTIME_ID);
    take_realtime_offset();
}

std::uint64_t Clock::elapsed_ns() const {
    if (mode_ == ClockMode::host) return host_ns(CLOCK_MONOTONIC) - host_start_ns_;
    const WorkDone work = meter_.work_done();
    return add_times(slept_ns_, work.instructions + work.minor_faults * costs_.minor_fault_ns +
                                    work.major_faults * costs_.major_fault_ns);
}

std::uint64_t Clock::monotonic_ns() const { return mode_ == ClockMode::host ? host_ns(CLOCK_MONOTONIC) : elapsed_ns(); }

std::uint64_t Clock::realtime_ns() {
    tick_if_due(elapsed_ns());
    return add_times(realtime_offset_ns_ + realtime_step_ns_, monotonic_ns());
}

std::uint64_t Clock::now_ns(TimeBase base) {
    switch (base) {
        case TimeBase::realtime: return realtime_ns();
        case TimeBase::tai: {
            const std::int64_t offset_ns = tai_offset_s_ * static_cast<std::int64_t>(ns_per_s);
            return realtime_ns() + static_cast<std::uint64_t>(offset_ns);
        }
        case TimeBase::monotonic: break;
    }
    return monotonic_ns();
}

void Clock::set_realtime(std::uint64_t realtime_ns) {
    realtime_step_ns_ += realtime_ns - this->realtime_ns();
    if (time_page_ != nullptr) publish();
    for (const auto& [number, observer] : observers_) observer();
}

std::uint64_t Clock::timestamp_cycles() {
    const std::uint64_t cycles = elapsed_ns();
    tick_if_due(cycles);
    return cycles;
}

// The host has no call that reads both of its clocks, so one is read between two readings of the other.
void Clock::take_realtime_offset() {
    const std::uint64_t before_ns = host_ns(CLOCK_MONOTONIC);
    const std::uint64_t realtime_ns = host_ns(CLOCK_REALTIME);
    const std::uint64_t after_ns = host_ns(CLOCK_MONOTONIC);
    const std::uint64_t lowest = realtime_ns - after_ns, highest = realtime_ns - before_ns;
    // Within the reading's own error nothing has happened, and time goes on as evenly as before.
    if (lowest <= realtime_offset_ns_ && realtime_offset_ns_ <= highest) return;
    realtime_offset_ns_ = lowest + (highest - lowest) / 2;
    if (time_page_ != nullptr) publish();
}

void Clock::tick_if_due(std::uint64_t elapsed_ns) {
    if (mode_ != ClockMode::host || elapsed_ns < next_tick_ns_) return;
    next_tick_ns_ = elapsed_ns + tick_ns;
    take_realtime_offset();
}

void Clock::publish_to(fl_time_page& page) {
    time_page_ = &page;
    publish();
}

// kernel/time/vsyscall.c, update_vsyscall. The guest does not run meanwhile, but may be between two of its readings: it
// sees that the sequence went on.
void Clock::publish() {
    fl_time_page& page = *time_page_;
    const std::uint64_t realtime_base_ns = realtime_offset_ns_ + realtime_step_ns_ + host_start_ns_;
    page = fl_time_page{.sequence = page.sequence + 2,
                        .shift = 0,
                        .multiplier = 1,
                        .tick_ns = static_cast<std::uint32_t>(tick_ns),
                        .resolution_ns = static_cast<std::uint32_t>(resolution_ns),
                        .unused = 0,
                        .base_cycles = 0,
                        .monotonic_base_ns = host_start_ns_,
                        .realtime_base_ns = realtime_base_ns};
}

CpuTime Clock::cpu_time() const {
    if (mode_ == ClockMode::host) return CpuTime{host_ns(CLOCK_PROCESS_CPUTIME_ID) - host_cpu_start_ns_, 0};
    const WorkDone work = meter_.work_done();
    return CpuTime{work.instructions, work.minor_faults * costs_.minor_fault_ns};
}

std::uint64_t Clock::sleep_ns(std::uint64_t duration_ns) {
    if (mode_ == ClockMode::host) return host_sleep_until(add_times(host_ns(CLOCK_MONOTONIC), duration_ns));
    slept_ns_ = add_times(slept_ns_, duration_ns);
    return 0;
}

}  // namespace fl::kernel
