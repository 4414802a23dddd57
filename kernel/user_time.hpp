// Times as programs pass them: struct timespec and struct timeval.
#pragma once

#include "kernel/system.hpp"

#include <cstdint>
#include <limits>

namespace fl::kernel {

inline constexpr std::uint64_t ns_per_s = 1'000'000'000;
inline constexpr std::uint64_t ns_per_us = 1'000;
// As far as Linux's clocks go (KTIME_MAX).
inline constexpr std::uint64_t time_max_ns = std::numeric_limits<std::int64_t>::max();

struct UserTimespec {
    std::int64_t seconds;
    std::int64_t nanoseconds;
};

inline UserTimespec timespec_of(std::uint64_t ns) {
    return {static_cast<std::int64_t>(ns / ns_per_s), static_cast<std::int64_t>(ns % ns_per_s)};
}

// Sums stop where clocks end instead of wrapping.
inline std::uint64_t add_times(std::uint64_t a, std::uint64_t b) {
    return a > time_max_ns || b > time_max_ns - a ? time_max_ns : a + b;
}

// timespec64_valid() and timespec64_to_ktime(): EINVAL, and what is too far away is as far as clocks go.
Result<std::uint64_t> time_ns_of(const UserTimespec& time);
// EFAULT as well.
Result<std::uint64_t> read_user_time(System& system, std::uint64_t address);

}  // namespace fl::kernel
