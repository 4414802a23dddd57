#include "kernel/preemption.hpp"

#include "emu/assert.hpp"

#include <sys/time.h>

#include <csignal>

#include <algorithm>

namespace fl::kernel {

// SIGALRM: HostSignals has a handler for it that interrupts the processor.
HostAlarm::HostAlarm(std::uint64_t after_ns) {
    constexpr std::uint64_t slice_ns = 4'000'000;
    const std::uint64_t after_us = std::max<std::uint64_t>(std::min(after_ns, slice_ns) / 1'000, 1);
    const itimerval once{{0, 0}, {0, static_cast<suseconds_t>(after_us)}};
    ::setitimer(ITIMER_REAL, &once, nullptr);
}

HostAlarm::~HostAlarm() {
    const itimerval none{};
    ::setitimer(ITIMER_REAL, &none, nullptr);
}

HostTimeout::HostTimeout(std::chrono::nanoseconds after) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGALRM;
    FL_ASSERT(::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0);
    // Again and again, as one may come in the instant before the processor runs.
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(after);
    const auto rest = static_cast<long>((after - seconds).count());
    constexpr long again_ns = 10'000'000;
    const itimerspec when{{0, again_ns}, {static_cast<time_t>(seconds.count()), std::max(rest, 1L)}};
    FL_ASSERT(::timer_settime(timer_, 0, &when, nullptr) == 0);
}

HostTimeout::~HostTimeout() { ::timer_delete(timer_); }

}  // namespace fl::kernel
