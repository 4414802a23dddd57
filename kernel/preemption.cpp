#include "kernel/preemption.hpp"

#include <sys/time.h>

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

}  // namespace fl::kernel
