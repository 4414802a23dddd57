#include "mm/compaction.hpp"

#include "mm/migrate.hpp"
#include "tests/unit/mm/huge_support.hpp"
#include "tests/unit/mm/reclaim_support.hpp"

#include <map>
#include <random>

namespace fl::mm {

using namespace test;

namespace {

// A machine whose pages hold numbers that are known.
class Numbered : public Machine {
public:
    explicit Numbered(std::uint64_t frames = 64) : Machine(frames) {}

    void put(std::uint64_t index) {
        write(page(index));
        byte(page(index)) = static_cast<std::byte>(index % 251);
        ++pages_[index];
    }
    // As many pages as there are frames for, from the lowest on; how many.
    std::uint64_t fill() {
        std::uint64_t index = 0;
        // One for the table is there with the first page.
        put(index++);
        while (free_frames() > PageCount(0)) put(index++);
        return index;
    }
    void drop(std::uint64_t index) {
        REQUIRE(mm->advise(page(index), page_size, madv_dontneed).has_value());
        pages_.erase(index);
    }
    Result<Pfn> block(unsigned order, BlockEffort effort = BlockEffort::compact) {
        return memory.allocate_block(order, FrameState::reserved, Fill::caller, effort);
    }
    // Every page is there, in a frame of its own, and holds its number.
    std::string damage() {
        std::string text = broken();
        for (const auto& [index, count] : pages_) {
            const emu::Pte entry = pte(page(index));
            if (!entry.is_present()) {
                text += "page " + std::to_string(index) + " is gone\n";
            } else if (byte(page(index)) != static_cast<std::byte>(index % 251)) {
                text += "page " + std::to_string(index) + " holds something else\n";
            }
        }
        return text;
    }
    const CompactionCounters& counted() const { return memory.compaction().counters(); }

private:
    std::map<std::uint64_t, int> pages_;
};

struct Checkerboard : Numbered {
    // Every other frame is free.
    explicit Checkerboard(std::uint64_t frames = 64) : Numbered(frames) {
        REQUIRE(map(page(0), frames - 4).has_value());
        // All tables lie below the pages.
        for (std::uint64_t index = 0; index < frames; index += 512) put(index);
        count = fill();
        for (std::uint64_t index = 0; index < count; index += 2) drop(index);
    }
    std::uint64_t count;
};

}  // namespace

TEST_CASE("compaction: a block is made of frames that were scattered, and nobody notices") {
    Checkerboard machine;
    const std::uint64_t free = machine.free_frames().value();
    CHECK(machine.memory.buddy().free_blocks()[0] == free);
    CHECK(outcome(machine.block(3, BlockEffort::take)) == "ENOMEM");
    CHECK(machine.counted().migrated == 0);
    const auto block = machine.block(3);
    REQUIRE(block.has_value());
    CHECK(block->value() == 8);
    CHECK(machine.damage() == "");
    CHECK(machine.free_frames() == PageCount(free - 8));
    const CompactionCounters& counted = machine.counted();
    CHECK(counted.stalls == 1);
    CHECK(counted.successes == 1);
    CHECK(counted.failures == 0);
    CHECK(counted.migrated == 4);
    CHECK(counted.isolated == 8);
    // Frame 0 keeps the first block from being looked at to the end.
    CHECK(counted.migrate_scanned == 1 + 8);
    CHECK(counted.free_scanned >= 4);
    machine.memory.release_block(*block, 3);
    CHECK(machine.damage() == "");
}

TEST_CASE("compaction: on request every page that can moves up") {
    Checkerboard machine;
    const std::uint64_t free = machine.free_frames().value();
    machine.memory.compaction().compact_all();
    CHECK(machine.damage() == "");
    CHECK(machine.free_frames() == PageCount(free));
    CHECK(machine.counted().migrated > 0);
    CHECK(machine.counted().stalls == 0);
    // No page lies below a free frame, but for those of the kernel's.
    bool seen_page = false;
    for (std::uint64_t number = 0; number < 64; ++number) {
        const FrameState state = machine.memory.frames()[Pfn(number)].state;
        seen_page = seen_page || state == FrameState::anonymous;
        if (seen_page) CHECK(state != FrameState::free);
    }
    const auto blocks = machine.memory.buddy().free_blocks();
    CHECK(blocks[0] <= 2);
    CHECK(blocks[3] + blocks[4] > 0);
    // Once more there is nothing to do.
    const std::uint64_t migrated = machine.counted().migrated;
    machine.memory.compaction().compact_all();
    CHECK(machine.counted().migrated == migrated);
}

TEST_CASE("compaction: a page of the kernel's in each block is in everybody's way") {
    Checkerboard machine;
    std::vector<Pfn> kernel;
    // A frame in every 8.
    for (std::uint64_t number = 0; number < 64; ++number) {
        if (number % 8 != 3 || machine.memory.frames()[Pfn(number)].state == FrameState::reserved) continue;
        if (!machine.memory.buddy().free_block_of(Pfn(number))) {
            const Pfn from(number);
            if (!is_movable(machine.memory, from)) continue;
            std::uint64_t to = 63;
            while (!machine.memory.buddy().free_block_of(Pfn(to))) --to;
            machine.memory.buddy().take(Pfn(to));
            REQUIRE(migrate_page(machine.memory, from, Pfn(to)) == Migration::done);
        }
        machine.memory.buddy().take(Pfn(number));
        machine.memory.frames().mark_used(Pfn(number), FrameState::reserved);
        kernel.emplace_back(number);
    }
    CHECK(outcome(machine.block(3)) == "ENOMEM");
    CHECK(machine.counted().failures == 1);
    CHECK(machine.counted().migrated == 0);  // nothing is moved in vain
    CHECK(machine.block(1).has_value());
    CHECK(machine.damage() == "");
    for (const Pfn pfn : kernel) machine.memory.release(pfn);
    CHECK(machine.damage() == "");
}

TEST_CASE("compaction: what failed is put off, longer each time, until it works") {
    Checkerboard machine;
    std::vector<Pfn> pinned;
    for (std::uint64_t index = 1; index < machine.count; index += 2) {
        pinned.push_back(machine.pte(page(index)).pfn());
        machine.memory.add_reference(pinned.back());
    }
    std::vector<int> tries;
    for (int i = 0; i < 200; ++i) {
        const std::uint64_t stalls = machine.counted().stalls;
        CHECK(outcome(machine.block(2)) == "ENOMEM");
        if (machine.counted().stalls > stalls) tries.push_back(i);
    }
    CHECK(tries == std::vector<int>{0, 2, 6, 14, 30, 62, 126, 190});
    // Smaller blocks are another matter.
    CHECK(outcome(machine.block(1)) == "ENOMEM");
    CHECK(machine.counted().stalls == tries.size() + 1);
    for (const Pfn pfn : pinned) machine.memory.release(pfn);
    int waited = 0;
    while (!machine.block(2)) ++waited;
    CHECK(waited < 64);
    CHECK(machine.block(2).has_value());
    CHECK(machine.damage() == "");
}

TEST_CASE("compaction: a page that is pinned keeps its block, and no other") {
    Checkerboard machine;
    const Pfn pinned(9);
    REQUIRE(is_movable(machine.memory, pinned));
    machine.memory.add_reference(pinned);
    const auto block = machine.block(3);
    REQUIRE(block.has_value());
    CHECK(block->value() == 16);
    CHECK(machine.counted().isolated == 8);
    CHECK(machine.counted().not_migrated == 0);
    machine.memory.release(pinned);
    CHECK(machine.damage() == "");
}

TEST_CASE("compaction: of a file's pinned page it shows only when it is to move") {
    Numbered machine;
    const auto file = machine.open(numbered_pages(20 * page_size));
    REQUIRE(machine.map(page(0), 60).has_value());
    for (std::uint64_t index = 0; index < 20; ++index) REQUIRE(file->read_page(index).has_value());
    const std::uint64_t count = machine.fill();
    for (std::uint64_t index = 1; index < count; index += 2) machine.drop(index);
    const Pfn pinned = *file->cached(10);
    machine.memory.add_reference(pinned);
    machine.memory.compaction().compact_all();
    CHECK(machine.counted().not_migrated == 1);
    CHECK(machine.counted().migrated > 0);
    CHECK(*file->cached(10) == pinned);
    machine.memory.release(pinned);
    CHECK(machine.damage() == "");
}

TEST_CASE("compaction: it needs room for the pages that move, and says nothing where memory is what is wanting") {
    Numbered machine;
    REQUIRE(machine.map(page(0), 60).has_value());
    const std::uint64_t count = machine.fill();
    for (std::uint64_t index = 0; index < 14; index += 2) machine.drop(index);
    REQUIRE(count > 40);
    REQUIRE(machine.free_frames() == PageCount(7));
    CHECK(outcome(machine.block(2)) == "ENOMEM");  // 8 frames would do
    CHECK(machine.counted().stalls == 0);
    CHECK(machine.block(1).has_value());
    CHECK(machine.damage() == "");
}

TEST_CASE("compaction: whole free pageblocks are not broken") {
    Checkerboard low(1500);
    for (std::uint64_t index = 0; index < low.count; ++index) {
        const emu::Pte entry = low.pte(page(index));
        if (entry.is_present() && entry.pfn() >= Pfn(512) && entry.pfn() < Pfn(1024)) low.drop(index);
    }
    REQUIRE(low.memory.buddy().free_blocks()[9] == 1);
    low.memory.compaction().compact_all();
    CHECK(low.counted().migrated > 0);
    CHECK(low.memory.buddy().free_blocks()[9] == 1);
    CHECK(low.damage() == "");
}

TEST_CASE("compaction: a large page stays until it is split, and the pages around it move") {
    HugeMachine machine(2048);
    REQUIRE(machine.map(page(0), 400).has_value());
    for (std::uint64_t index = 0; index < 400; ++index) machine.put(page(index), static_cast<int>(index % 251));
    for (std::uint64_t index = 0; index < 400; index += 2) {
        REQUIRE(machine.mm->advise(page(index), page_size, madv_dontneed).has_value());
    }
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.number_pages(huge(0), 512);
    REQUIRE(machine.is_large(huge(0)));
    const Pfn first = machine.mm->page_table().page_at(huge(0)).pfn();
    CHECK_FALSE(is_movable(machine.memory, first));
    CHECK_FALSE(is_movable(machine.memory, first + 300));
    const CompactionCounters& counted = machine.memory.compaction().counters();
    const auto numbers_are_there = [&] {
        for (std::uint64_t index = 1; index < 400; index += 2) {
            if (machine.get(page(index)) != static_cast<int>(index % 251)) return false;
        }
        return machine.numbers_are(huge(0), 512);
    };
    machine.memory.compaction().compact_all();
    CHECK(counted.migrated > 100);
    CHECK(machine.is_large(huge(0)));
    CHECK(machine.mm->page_table().page_at(huge(0)).pfn() == first);
    CHECK(machine.broken() == "");
    CHECK(numbers_are_there());
    REQUIRE(machine.mm->protect(huge(0), page_size, prot_read).has_value());
    REQUIRE_FALSE(machine.is_large(huge(0)));
    CHECK(is_movable(machine.memory, first + 300));
    const std::uint64_t before = counted.migrated;
    // Half of it goes, so that there are frames above.
    REQUIRE(machine.mm->advise(huge(0) + 256 * page_size, 256 * page_size, madv_dontneed).has_value());
    machine.memory.compaction().compact_all();
    CHECK(counted.migrated > before);
    CHECK(machine.broken() == "");
    for (std::uint64_t index = 0; index < 256; ++index) {
        CHECK(machine.get(huge(0) + index * page_size) == HugeMachine::number_of(index));
    }
}

TEST_CASE("compaction: slabs and page tables stay where they are, and a block is found between them") {
    Numbered machine(256);
    REQUIRE(machine.map(page(0), 240).has_value());
    std::vector<Pfn> slabs;
    std::uint64_t count = 0;
    for (; machine.free_frames() > PageCount(8); ++count) {
        machine.put(count);
        // A slab of one page among every 16.
        if (count % 16 == 0 && count < 100)
            slabs.push_back(machine.memory.allocate(FrameState::slab, Fill::caller).value());
    }
    for (std::uint64_t index = 0; index < count; index += 2) machine.drop(index);
    const auto block = machine.block(4);
    REQUIRE(block.has_value());
    for (const Pfn pfn : slabs) CHECK(machine.memory.frames()[pfn].state == FrameState::slab);
    CHECK(machine.damage() == "");
    machine.memory.release_block(*block, 4);
    for (const Pfn pfn : slabs) machine.memory.release(pfn);
    CHECK(machine.damage() == "");
}

TEST_CASE("compaction: where too little is free, pages leave first if they may") {
    ShortMachine machine(pressure(60));
    REQUIRE(machine.map(page(0), 60).has_value());
    std::uint64_t count = 0;
    for (; machine.free_frames() > PageCount(1); ++count) machine.put(count, static_cast<unsigned>(count + 1));
    const auto block = [&](BlockEffort effort) {
        return machine.memory.allocate_block(3, FrameState::reserved, Fill::caller, effort);
    };
    CHECK(outcome(block(BlockEffort::take)) == "ENOMEM");
    CHECK(outcome(block(BlockEffort::compact)) == "ENOMEM");
    CHECK(machine.counted().evicted() == 0);
    const auto made = block(BlockEffort::reclaim);
    REQUIRE(made.has_value());
    CHECK(machine.counted().evicted() >= 15);
    CHECK(machine.broken() == "");
    machine.memory.release_block(*made, 3);
    for (std::uint64_t i = 0; i < count; ++i) CHECK(machine.get(i) == static_cast<int>(i + 1));
    CHECK(machine.broken() == "");
}

// Of 11 pages each subset goes; then all is compacted, or a block is made.
TEST_CASE("compaction: every small state") {
    constexpr std::uint64_t pages = 11;
    std::array<unsigned, 3> made{};
    for (std::uint64_t gone = 0; gone < 1U << pages; ++gone) {
        CAPTURE(gone);
        Numbered machine(24);
        REQUIRE(machine.map(page(0), 20).has_value());
        const std::uint64_t count = machine.fill();
        REQUIRE(count >= pages);
        for (std::uint64_t index = 0; index < pages; ++index) {
            if ((gone >> index & 1) != 0) machine.drop(index);
        }
        const PageCount free = machine.free_frames();
        const unsigned order = static_cast<unsigned>(gone % 3);
        if (order == 0) {
            machine.memory.compaction().compact_all();
            REQUIRE(machine.free_frames() == free);
        } else if (const auto block = machine.block(order)) {
            ++made.at(order);
            REQUIRE(machine.damage() == "");
            machine.memory.release_block(*block, order);
        } else {
            // All pages can move: only want of memory is in the way.
            REQUIRE(free < PageCount(std::uint64_t{2} << order));
        }
        REQUIRE(machine.damage() == "");
    }
    CHECK(made[1] > 500);
    CHECK(made[2] > 100);
}

TEST_CASE("compaction: at random, with blocks that are held") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const std::uint64_t frames = 64 + random() % 200;
        Numbered machine(frames);
        REQUIRE(machine.map(page(0), frames - 4).has_value());
        std::vector<std::pair<Pfn, unsigned>> blocks;
        std::vector<bool> there(frames - 4);
        for (int step = 0; step < 300; ++step) {
            const std::uint64_t index = random() % there.size();
            const std::uint64_t dice = random() % 100;
            if (dice < 50) {
                if (machine.free_frames() > PageCount(4)) {
                    machine.put(index);
                    there[index] = true;
                }
            } else if (dice < 75) {
                if (there[index]) machine.drop(index);
                there[index] = false;
            } else if (dice < 90) {
                const auto order = static_cast<unsigned>(1 + random() % 4);
                if (const auto block = machine.block(order)) blocks.emplace_back(*block, order);
            } else if (dice < 97 && !blocks.empty()) {
                const std::size_t pick = random() % blocks.size();
                machine.memory.release_block(blocks[pick].first, blocks[pick].second);
                blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(pick));
            } else {
                machine.memory.compaction().compact_all();
            }
            REQUIRE(machine.damage() == "");
        }
        for (const auto& [first, order] : blocks) machine.memory.release_block(first, order);
        CHECK(machine.damage() == "");
    }
}

}  // namespace fl::mm
