#include "mm/physical_memory.hpp"

#include "tests/unit/mm/machine.hpp"

#include <algorithm>

namespace fl::mm {

namespace {

bool all_bytes_are(emu::FrameBytes bytes, std::byte value) {
    return std::all_of(bytes.begin(), bytes.end(), [&](std::byte byte) { return byte == value; });
}

class FakeShrinker final : public MemoryShrinker {
public:
    explicit FakeShrinker(PhysicalMemory& memory) : memory_(memory) { memory_.set_shrinker(this); }
    ~FakeShrinker() { memory_.set_shrinker(nullptr); }
    PageCount shrink() override {
        ++calls;
        if (spare.empty()) return PageCount(0);
        memory_.release(spare.back());
        spare.pop_back();
        return PageCount(1);
    }
    std::vector<Pfn> spare;
    int calls = 0;

private:
    PhysicalMemory& memory_;
};

}  // namespace

TEST_CASE("physical memory: frame 0 and the zero page are taken from the start") {
    emu::Ram ram = test::make_ram(16);
    PhysicalMemory memory(ram);
    CHECK(memory.total_page_count() == PageCount(16));
    CHECK(memory.used_page_count() == PageCount(2));
    CHECK(memory.peak_used_page_count() == PageCount(2));
    CHECK(memory.frames()[Pfn(0)].state == FrameState::reserved);
    CHECK(memory.frames()[memory.zero_page()].state == FrameState::zero_page);
    CHECK(all_bytes_are(ram.frame(memory.zero_page()), std::byte{0}));
    CHECK(verify(memory, {}, {}).empty());
}

TEST_CASE("physical memory: a machine of eight frames works, a smaller one is a bug of the caller") {
    emu::Ram ram = test::make_ram(8);
    PhysicalMemory memory(ram);
    for (int i = 0; i < 6; ++i) CHECK(memory.allocate(FrameState::anonymous, Fill::zeroed).has_value());
    CHECK(test::outcome(memory.allocate(FrameState::anonymous, Fill::zeroed)) == "ENOMEM");
    emu::Ram tiny = test::make_ram(7);
    CHECK(test::asserts([&] { PhysicalMemory too_small(tiny); }));
}

TEST_CASE("physical memory: a block is aligned, used as a whole, and one block again when it is released") {
    emu::Ram ram = test::make_ram(64);
    PhysicalMemory memory(ram);
    const auto free_at_first = memory.buddy().free_blocks();
    for (unsigned order = 0; order <= 5; ++order) {
        const std::uint64_t frames = std::uint64_t{1} << order;
        const PageCount used = memory.used_page_count();
        const Pfn first = memory.allocate_block(order, FrameState::reserved, Fill::caller).value();
        CHECK(first.value() % frames == 0);
        CHECK(memory.used_page_count() == used + PageCount(frames));
        for (std::uint64_t i = 0; i < frames; ++i) {
            CHECK(memory.frames()[first + i].state == FrameState::reserved);
            CHECK(memory.frames()[first + i].reference_count == 1);
            std::fill(ram.frame(first + i).begin(), ram.frame(first + i).end(), std::byte{0x5a});
        }
        memory.release_block(first, order);
        CHECK(memory.buddy().free_blocks() == free_at_first);
        // The same frames again, and no old bytes in them.
        const Pfn again = memory.allocate_block(order, FrameState::page_table, Fill::zeroed).value();
        CHECK(again == first);
        for (std::uint64_t i = 0; i < frames; ++i) CHECK(all_bytes_are(ram.frame(again + i), std::byte{0}));
        memory.release_block(again, order);
        CHECK(memory.buddy().free_blocks() == free_at_first);
    }
    CHECK(test::outcome(memory.allocate_block(6, FrameState::reserved, Fill::caller)) == "ENOMEM");
    CHECK(verify(memory, {}, {}).empty());
}

TEST_CASE("physical memory: a zeroed frame reads as zeroes, fresh or used before") {
    emu::Ram ram = test::make_ram(16);
    PhysicalMemory memory(ram);
    const Pfn fresh = memory.allocate(FrameState::anonymous, Fill::zeroed).value();
    CHECK(all_bytes_are(ram.frame(fresh), std::byte{0}));
    std::fill(ram.frame(fresh).begin(), ram.frame(fresh).end(), std::byte{0xaa});
    memory.release(fresh);

    const Pfn again = memory.allocate(FrameState::anonymous, Fill::zeroed).value();
    CHECK(again == fresh);
    CHECK(all_bytes_are(ram.frame(again), std::byte{0}));
}

TEST_CASE("physical memory: a frame whose bytes the caller writes is not zeroed first") {
    emu::Ram ram = test::make_ram(16);
    PhysicalMemory memory(ram);
    const Pfn first = memory.allocate(FrameState::anonymous, Fill::zeroed).value();
    std::fill(ram.frame(first).begin(), ram.frame(first).end(), std::byte{0xaa});
    memory.release(first);
    const Pfn again = memory.allocate(FrameState::anonymous, Fill::caller).value();
    CHECK(again == first);
    CHECK(all_bytes_are(ram.frame(again), std::byte{0xaa}));
    // Nothing is known of its bytes any more: the next one who wants zeroes gets them.
    memory.release(again);
    CHECK(all_bytes_are(ram.frame(memory.allocate(FrameState::anonymous, Fill::zeroed).value()), std::byte{0}));
}

TEST_CASE("physical memory: a reused frame that held translated code is stale") {
    emu::Ram ram = test::make_ram(16);
    PhysicalMemory memory(ram);
    const Pfn pfn = memory.allocate(FrameState::anonymous, Fill::zeroed).value();
    ram.code_frames().note_fetched(pfn);
    memory.release(pfn);
    CHECK_FALSE(ram.code_frames().any_stale());
    CHECK(memory.allocate(FrameState::anonymous, Fill::zeroed) == pfn);
    CHECK(ram.code_frames().is_stale(pfn));
}

TEST_CASE("physical memory: the peak stays when memory is given back") {
    emu::Ram ram = test::make_ram(16);
    PhysicalMemory memory(ram);
    std::vector<Pfn> taken(5);
    for (Pfn& pfn : taken) pfn = memory.allocate(FrameState::anonymous, Fill::zeroed).value();
    CHECK(memory.used_page_count() == PageCount(7));
    for (const Pfn pfn : taken) memory.release(pfn);
    CHECK(memory.used_page_count() == PageCount(2));
    CHECK(memory.peak_used_page_count() == PageCount(7));
}

TEST_CASE("physical memory: only the last reference frees") {
    emu::Ram ram = test::make_ram(16);
    PhysicalMemory memory(ram);
    const Pfn pfn = memory.allocate(FrameState::anonymous, Fill::zeroed).value();
    memory.add_reference(pfn);
    memory.release(pfn);
    CHECK(memory.used_page_count() == PageCount(3));
    memory.release(pfn);
    CHECK(memory.used_page_count() == PageCount(2));
    CHECK(test::asserts([&] { memory.release(pfn); }));
}

TEST_CASE("physical memory: the shrinker is asked when nothing is left, and only then") {
    emu::Ram ram = test::make_ram(8);
    PhysicalMemory memory(ram);
    FakeShrinker shrinker(memory);
    for (int i = 0; i < 6; ++i) shrinker.spare.push_back(memory.allocate(FrameState::file_cache, Fill::zeroed).value());
    CHECK(shrinker.calls == 0);
    for (int i = 0; i < 6; ++i) CHECK(memory.allocate(FrameState::anonymous, Fill::zeroed).has_value());
    CHECK(shrinker.calls == 6);
    CHECK(test::outcome(memory.allocate(FrameState::anonymous, Fill::zeroed)) == "ENOMEM");
    CHECK(shrinker.calls == 7);
}

}  // namespace fl::mm
