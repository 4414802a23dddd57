// Random: every random byte that a guest sees (AT_RANDOM, getrandom), from one seed, so that runs can be repeated.
//
// xoshiro256** seeded through splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021).
// Not for secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace fl::kernel {

class Random {
public:
    explicit Random(std::uint64_t seed);

    std::uint64_t next();
    // The same bytes, however the calls are cut: fill(3) and fill(5) give what fill(8) gives.
    void fill(std::span<std::byte> into);

private:
    std::array<std::uint64_t, 4> state_{};
    std::uint64_t word_ = 0;
    unsigned bytes_left_ = 0;  // of word_
};

}  // namespace fl::kernel
