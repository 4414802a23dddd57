// RateLimit: no more than `burst` messages in `interval_ns` (Linux: lib/ratelimit.c).
#pragma once

#include <cstdint>
#include <utility>

namespace fl::kernel {

class RateLimit {
public:
    static constexpr std::uint64_t interval_ns = 5'000'000'000;  // DEFAULT_RATELIMIT_INTERVAL
    static constexpr std::uint32_t burst = 10;                   // DEFAULT_RATELIMIT_BURST

    // ___ratelimit(): whether one more may be said now.
    bool allows(std::uint64_t now_ns) {
        if (!has_begun_ || now_ns - begin_ns_ > interval_ns) {
            has_begun_ = true;
            begin_ns_ = now_ns;
            said_ = 0;
        }
        if (said_ < burst) {
            ++said_;
            return true;
        }
        ++missed_;
        return false;
    }
    // How many were not said since the last call.
    std::uint64_t take_missed() { return std::exchange(missed_, 0); }

private:
    bool has_begun_ = false;
    std::uint64_t begin_ns_ = 0;
    std::uint32_t said_ = 0;
    std::uint64_t missed_ = 0;
};

}  // namespace fl::kernel
