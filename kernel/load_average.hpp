// How many tasks have been running or ready, averaged over 1, 5 and 15 minutes (Linux: kernel/sched/loadavg.c).
#pragma once

#include <array>
#include <cstdint>

namespace fl::kernel {

class LoadAverage {
public:
    static constexpr unsigned shift = 11;  // FSHIFT: of the fixed-point numbers
    using Loads = std::array<std::uint64_t, 3>;

    // `active` tasks wanted the processor since the last call.
    void advance(std::uint64_t now_ns, std::uint64_t active);
    const Loads& loads() const { return loads_; }

private:
    static constexpr std::uint64_t period_ns = 5'000'000'000;  // LOAD_FREQ

    std::uint64_t next_ns_ = period_ns;
    Loads loads_{};
};

}  // namespace fl::kernel
