// The limits of setrlimit(2), soft and hard, by RLIMIT_ number.
#pragma once

#include "mm/mm_struct.hpp"

#include <array>
#include <cstdint>

namespace fl::kernel {

// Numbers of x86-64 (include/uapi/asm-generic/resource.h).
enum class Limit : std::uint8_t {
    cpu,
    file_size,
    data,
    stack,
    core,
    rss,
    processes,
    open_files,
    locked_memory,
    address_space,
    locks,
    pending_signals,
    message_queue,
    nice,
    realtime_priority,
    realtime_time,
};
inline constexpr std::size_t limit_count = 16;

// struct rlimit64.
struct LimitPair {
    static constexpr std::uint64_t infinity = ~std::uint64_t{0};
    std::uint64_t soft = infinity;
    std::uint64_t hard = infinity;
};

using LimitTable = std::array<LimitPair, limit_count>;

// What a process has that nobody gave other limits.
LimitTable default_limits();
// The limits that the memory manager enforces.
mm::ResourceLimits memory_limits(const LimitTable& limits, mm::Privilege privilege);

inline std::uint64_t soft_limit(const LimitTable& limits, Limit limit) {
    return limits[static_cast<std::size_t>(limit)].soft;
}

}  // namespace fl::kernel
