#include "emu/address.hpp"

#include <doctest/doctest.h>

using namespace fl;

TEST_CASE("addresses know their pages") {
    const VirtAddr address(0x401234);
    CHECK(address.page_floor() == VirtAddr(0x401000));
    CHECK(address.page_ceil() == VirtAddr(0x402000));
    CHECK(VirtAddr(0x402000).page_ceil() == VirtAddr(0x402000));
    CHECK(address.page_offset() == 0x234);
    CHECK(address.vpn() == Vpn(0x401));
    CHECK(VirtAddr(0x402000) - VirtAddr(0x401234) == 0xdcc);
}

TEST_CASE("table indexes are the nine-bit groups above the page offset") {
    const VirtAddr address((5ULL << 39) | (6ULL << 30) | (7ULL << 21) | (8ULL << 12) | 9);
    CHECK(address.table_index(4) == 5);
    CHECK(address.table_index(3) == 6);
    CHECK(address.table_index(2) == 7);
    CHECK(address.table_index(1) == 8);
    CHECK(VirtAddr(0xffff'ffff'ffff'ffff).table_index(4) == 511);
}

TEST_CASE("canonical addresses have bits 63 to 47 equal") {
    CHECK(VirtAddr(0).canonical());
    CHECK(VirtAddr(0x7fff'ffff'ffff).canonical());
    CHECK_FALSE(VirtAddr(0x8000'0000'0000).canonical());
    CHECK_FALSE(VirtAddr(0xffff'7fff'ffff'ffff).canonical());
    CHECK(VirtAddr(0xffff'8000'0000'0000).canonical());
}

TEST_CASE("sums that would wrap are refused by checked_add") {
    CHECK(VirtAddr(0xffff'ffff'ffff'f000).checked_add(0xfff) == VirtAddr(0xffff'ffff'ffff'ffff));
    CHECK_FALSE(VirtAddr(0xffff'ffff'ffff'f000).checked_add(0x1000).has_value());
}

TEST_CASE("page counts round bytes up") {
    CHECK(PageCount::of_bytes(0) == PageCount(0));
    CHECK(PageCount::of_bytes(1) == PageCount(1));
    CHECK(PageCount::of_bytes(4096) == PageCount(1));
    CHECK(PageCount::of_bytes(4097) == PageCount(2));
    CHECK(PageCount::of_bytes(~std::uint64_t{0}) == PageCount(std::uint64_t{1} << 52));
    CHECK(PageCount(3).bytes() == 12288);
}

TEST_CASE("ranges are half open") {
    const VirtRange range{VirtAddr(0x1000), VirtAddr(0x3000)};
    CHECK(range.page_count() == PageCount(2));
    CHECK(range.contains(VirtAddr(0x1000)));
    CHECK(range.contains(VirtAddr(0x2fff)));
    CHECK_FALSE(range.contains(VirtAddr(0x3000)));
    CHECK_FALSE(range.overlaps(VirtRange{VirtAddr(0x3000), VirtAddr(0x4000)}));
    CHECK(range.overlaps(VirtRange{VirtAddr(0x2fff), VirtAddr(0x4000)}));
}
