#include "kernel/resource_limits.hpp"

namespace fl::kernel {

// Linux: INIT_RLIMITS (include/asm-generic/resource.h).
LimitTable default_limits() {
    constexpr std::uint64_t waiting_signals = 31'000;
    LimitTable limits{};
    const auto set = [&limits](Limit limit, std::uint64_t soft, std::uint64_t hard) {
        limits[static_cast<std::size_t>(limit)] = LimitPair{soft, hard};
    };
    set(Limit::stack, 8ULL << 20, LimitPair::infinity);
    set(Limit::core, 0, LimitPair::infinity);
    set(Limit::open_files, 1024, 4096);
    set(Limit::locked_memory, 8ULL << 20, 8ULL << 20);
    set(Limit::pending_signals, waiting_signals, waiting_signals);
    set(Limit::message_queue, 819'200, 819'200);
    set(Limit::nice, 0, 0);
    set(Limit::realtime_priority, 0, 0);
    return limits;
}

mm::ResourceLimits memory_limits(const LimitTable& limits, mm::Privilege privilege) {
    return mm::ResourceLimits{
        .privilege = privilege,
        .address_space_bytes = soft_limit(limits, Limit::address_space),
        .data_bytes = soft_limit(limits, Limit::data),
        .data_hard_bytes = limits[static_cast<std::size_t>(Limit::data)].hard,
        .stack_bytes = soft_limit(limits, Limit::stack),
        .locked_bytes = soft_limit(limits, Limit::locked_memory),
    };
}

}  // namespace fl::kernel
