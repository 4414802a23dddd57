// HostAlarm: ends the processor's run after a time of the host's, where nobody counts instructions (--clock host).
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace fl::kernel {

class HostAlarm {
public:
    // Interrupts the processor that HostSignals knows, once, `after_ns` from now.
    explicit HostAlarm(std::uint64_t after_ns);
    HostAlarm(const HostAlarm&) = delete;
    HostAlarm& operator=(const HostAlarm&) = delete;
    ~HostAlarm();
};

// The same once after a longer time, whatever else interrupts.
class HostTimeout {
public:
    explicit HostTimeout(std::chrono::nanoseconds after);
    HostTimeout(const HostTimeout&) = delete;
    HostTimeout& operator=(const HostTimeout&) = delete;
    ~HostTimeout();

private:
    timer_t timer_{};
};

}  // namespace fl::kernel
