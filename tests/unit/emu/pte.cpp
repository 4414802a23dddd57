#include "emu/pte.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::emu;

TEST_CASE("a present entry has the processor's bits") {
    const Pte pte = Pte::present(Pfn(0x123), {.writable = true, .user = true, .executable = false});
    CHECK(pte.raw() == 0x8000'0000'0012'3007);
    CHECK(pte.kind() == PteKind::present);
    CHECK(pte.pfn() == Pfn(0x123));
    CHECK(pte.writable());
    CHECK(pte.user());
    CHECK_FALSE(pte.executable());
    CHECK(pte.with_accessed().raw() == 0x8000'0000'0012'3027);
    CHECK(pte.with_accessed().with_dirty().raw() == 0x8000'0000'0012'3067);
    CHECK(Pte::present(Pfn(1), {.executable = true}).raw() == 0x1001);
}

TEST_CASE("the four kinds are told apart") {
    CHECK(Pte::none().kind() == PteKind::none);
    CHECK(Pte::swapped(SwapSlot(7)).kind() == PteKind::swapped);
    CHECK(Pte::swapped(SwapSlot(7)).slot() == SwapSlot(7));
    CHECK_FALSE(Pte::swapped(SwapSlot(0)).is_none());
    const Pte hidden = Pte::present(Pfn(9), {.writable = true, .user = true}).with_accessed().with_prot_none();
    CHECK(hidden.kind() == PteKind::prot_none);
    CHECK_FALSE(hidden.is_present());
    CHECK(hidden.is_resident());
    CHECK(hidden.pfn() == Pfn(9));
}

TEST_CASE("PROT_NONE and back keeps the frame and the A and D bits") {
    const PteAccess access{.writable = true, .user = true, .executable = false};
    const Pte before = Pte::present(Pfn(9), access).with_accessed().with_dirty();
    CHECK(before.with_prot_none().with_access(access) == before);
}

TEST_CASE("an entry of a page that moves keeps everything but the frame") {
    const Pte before =
        Pte::present(Pfn(9), {.writable = true, .user = true, .executable = true}).with_accessed().with_dirty();
    CHECK(before.with_pfn(Pfn(0x12345)).pfn() == Pfn(0x12345));
    CHECK(before.with_pfn(Pfn(0x12345)).with_pfn(Pfn(9)) == before);
    const Pte hidden = before.with_write_protection().with_prot_none();
    CHECK(hidden.with_pfn(Pfn(7)).kind() == PteKind::prot_none);
    CHECK(hidden.with_pfn(Pfn(7)).with_pfn(Pfn(9)) == hidden);
}

TEST_CASE("a large page starts at a multiple of 512 frames; bit 7 is reserved above level 2 and means nothing below") {
    const Pte large = Pte::present_large(Pfn(1024), PteAccess{.writable = true, .global = true});
    CHECK(large.raw() == 0x8000'0000'0040'0183);
    CHECK(large.is_large());
    CHECK(large.global());
    CHECK(large.pfn() == Pfn(1024));
    CHECK_FALSE(large.reserved_bits_set(2));
    CHECK(large.reserved_bits_set(3));
    CHECK(large.reserved_bits_set(4));
    CHECK_FALSE(large.reserved_bits_set(1));
    for (unsigned bit = 13; bit <= 20; ++bit) {
        CHECK(Pte::from_raw(large.raw() | std::uint64_t{1} << bit).reserved_bits_set(2));
    }
    CHECK(large.with_prot_none().is_large());
    CHECK_FALSE(large.with_prot_none().global());
    CHECK_FALSE(Pte::present(Pfn(1024), PteAccess{}).is_large());
}

TEST_CASE("address bits beyond 48 are reserved") {
    for (unsigned level = 1; level <= 4; ++level) {
        CHECK(Pte::from_raw(0x0001'0000'0000'0001).reserved_bits_set(level));
        CHECK_FALSE(Pte::from_raw(0x8000'ffff'ffff'ff7f).reserved_bits_set(level));
    }
    CHECK_FALSE(Pte::from_raw(0x8000'ffff'ffff'ffff).reserved_bits_set(1));
}
