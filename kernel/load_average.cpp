#include "kernel/load_average.hpp"

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint64_t one = std::uint64_t{1} << LoadAverage::shift;
constexpr std::array<std::uint64_t, 3> decays = {1884, 2014, 2037};  // EXP_1, EXP_5, EXP_15

// calc_load(): rounds up while the load grows, so that it arrives.
std::uint64_t after_one_period(std::uint64_t load, std::uint64_t decay, std::uint64_t active) {
    const std::uint64_t sum = load * decay + active * (one - decay);
    return (sum + (active >= load ? one - 1 : 0)) / one;
}

}  // namespace

void LoadAverage::advance(std::uint64_t now_ns, std::uint64_t active) {
    if (now_ns < next_ns_) return;
    const std::uint64_t periods = (now_ns - next_ns_) / period_ns + 1;
    next_ns_ += periods * period_ns;
    // After some hours nothing is left of what was before.
    constexpr std::uint64_t all_forgotten = 4096;
    for (std::uint64_t i = 0; i < std::min(periods, all_forgotten); ++i) {
        for (std::size_t which = 0; which < loads_.size(); ++which) {
            loads_[which] = after_one_period(loads_[which], decays[which], active * one);
        }
    }
}

}  // namespace fl::kernel
