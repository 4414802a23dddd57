#include "emu/ram.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::emu;

TEST_CASE("memory starts as zeroes and keeps what is written") {
    auto ram = Ram::create(PageCount(4));
    REQUIRE(ram.has_value());
    CHECK(ram->page_count() == PageCount(4));
    for (const std::byte byte : ram->frame(Pfn(3))) CHECK(byte == std::byte{0});
    ram->frame(Pfn(3))[17] = std::byte{42};
    CHECK(ram->base()[3 * page_size + 17] == std::byte{42});
}

TEST_CASE("a machine of no memory and one of more than the host has addresses for are refused with a reason") {
    CHECK(Ram::create(PageCount(0)).error() == "a machine needs at least one frame of memory");
    const auto huge = Ram::create(PageCount(std::uint64_t{1} << 40));
    REQUIRE_FALSE(huge.has_value());
    CHECK(huge.error().find("cannot reserve") != std::string::npos);
}

TEST_CASE("a large machine costs nothing before it is touched") {
    auto ram = Ram::create(PageCount(std::uint64_t{1} << 24));
    REQUIRE(ram.has_value());
    ram->frame(Pfn((std::uint64_t{1} << 24) - 1))[0] = std::byte{1};
    CHECK(ram->frame(Pfn((std::uint64_t{1} << 24) - 1))[0] == std::byte{1});
}

TEST_CASE("only frames that were fetched from become stale when they are rewritten") {
    CodeFrames code(PageCount(4));
    code.note_rewritten(Pfn(1));
    CHECK_FALSE(code.any_stale());
    code.note_fetched(Pfn(2));
    CHECK(code.was_fetched(Pfn(2)));
    CHECK_FALSE(code.is_stale(Pfn(2)));
    code.note_rewritten(Pfn(2));
    CHECK(code.any_stale());
    CHECK(code.is_stale(Pfn(2)));
    code.forget_all();
    CHECK_FALSE(code.any_stale());
    CHECK_FALSE(code.was_fetched(Pfn(2)));
}

TEST_CASE("a frame that is fetched and written through two mappings: the later one says that there is another entry") {
    using enum CodeFrames::OtherEntry;
    CodeFrames code(PageCount(4));
    CHECK(code.note_fetched(Pfn(0)) == none);
    CHECK(code.note_writable(Pfn(1)) == none);
    CHECK_FALSE(code.was_fetched(Pfn(1)));
    CHECK(code.note_fetched(Pfn(1)) == may_exist);
    CHECK_FALSE(code.is_stale(Pfn(1)));
    CHECK(code.note_fetched(Pfn(1)) == none);
    CHECK(code.note_writable(Pfn(1)) == may_exist);
    CHECK(code.is_stale(Pfn(1)));
    code.forget_all();
    CHECK(code.note_fetched(Pfn(1)) == none);
}

TEST_CASE("the TLB may hold an entry for what was walked to since the last flush, and for nothing else") {
    CachedTranslations cached(PageCount(4));
    CHECK_FALSE(cached.may_hold(Pfn(0)));
    cached.note_walked(Pfn(1));
    CHECK(cached.may_hold(Pfn(1)));
    CHECK_FALSE(cached.may_hold(Pfn(2)));
    cached.note_flushed();
    CHECK_FALSE(cached.may_hold(Pfn(1)));
    cached.note_walked(Pfn(2));
    CHECK(cached.may_hold(Pfn(2)));
    CHECK_FALSE(cached.may_hold(Pfn(1)));
}

TEST_CASE("a frame may hold bytes from a store on until it is zeroed") {
    auto made = Ram::create(PageCount(4));
    REQUIRE(made.has_value());
    Ram& ram = *made;
    CHECK_FALSE(ram.written_frames().may_hold_bytes(Pfn(3)));
    ram.written_frames().note_written(Pfn(3));
    CHECK(ram.written_frames().may_hold_bytes(Pfn(3)));
    CHECK_FALSE(ram.written_frames().may_hold_bytes(Pfn(2)));
    ram.written_frames().note_zeroed(Pfn(3));
    CHECK_FALSE(ram.written_frames().may_hold_bytes(Pfn(3)));
    (void)ram.code_frames().note_fetched(Pfn(3));
    ram.note_kernel_store(Pfn(3));
    CHECK(ram.written_frames().may_hold_bytes(Pfn(3)));
    CHECK(ram.code_frames().is_stale(Pfn(3)));
}
