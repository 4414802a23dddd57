#include "kernel/random.hpp"

#include <bit>

namespace fl::kernel {

namespace {

std::uint64_t splitmix64(std::uint64_t& state) {
    state += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58'476d'1ce4'e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11eb;
    return mixed ^ (mixed >> 31);
}

}  // namespace

// Neighbouring seeds must not give neighbouring streams, and the state must not be all zeroes: splitmix64 sees to both.
Random::Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = splitmix64(seed);
}

std::uint64_t Random::next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

void Random::fill(std::span<std::byte> into) {
    for (std::byte& byte : into) {
        if (bytes_left_ == 0) {
            word_ = next();
            bytes_left_ = sizeof word_;
        }
        byte = static_cast<std::byte>(word_ & 0xff);
        word_ >>= 8;
        --bytes_left_;
    }
}

}  // namespace fl::kernel
