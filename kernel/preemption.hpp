// HostAlarm: ends the processor's run after a time of the host's, where nobody counts instructions (--clock host).
#pragma once

#include <cstdint>

namespace fl::kernel {

class HostAlarm {
public:
    // Interrupts the processor that HostSignals knows, once, `after_ns` from now.
    explicit HostAlarm(std::uint64_t after_ns);
    HostAlarm(const HostAlarm&) = delete;
    HostAlarm& operator=(const HostAlarm&) = delete;
    ~HostAlarm();
};

}  // namespace fl::kernel
