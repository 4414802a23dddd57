#include "kernel/random.hpp"

#include <doctest/doctest.h>

#include <vector>

using fl::kernel::Random;

TEST_CASE("one seed gives one stream, another seed another") {
    Random first(7), same(7), other(8);
    for (int i = 0; i < 100; ++i) {
        const auto value = first.next();
        CHECK(value == same.next());
        CHECK(value != other.next());
    }
}

// The reference implementations of splitmix64 and xoshiro256** give these for the seed 0.
TEST_CASE("the generator is xoshiro256** seeded by splitmix64") {
    Random random(0);
    CHECK(random.next() == 0x99ec5f36cb75f2b4);
    CHECK(random.next() == 0xbf6e1f784956452a);
    CHECK(random.next() == 0x1a5f849d4933e6e0);
}

TEST_CASE("bytes do not depend on how calls are cut") {
    std::vector<std::byte> whole(37), pieces(37);
    Random(3).fill(whole);
    Random random(3);
    const auto rest = std::span(pieces);
    random.fill(rest.first(1));
    random.fill(rest.subspan(1, 0));
    random.fill(rest.subspan(1, 12));
    random.fill(rest.subspan(13));
    CHECK(whole == pieces);
}
