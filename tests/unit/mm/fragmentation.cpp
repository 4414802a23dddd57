#include "mm/fragmentation.hpp"

#include "tests/unit/mm/machine.hpp"

#include <random>

namespace fl::mm {

namespace {

using Indices = std::array<int, BuddyAllocator::order_count>;

Indices all(const BuddyAllocator& buddy, int (*index)(const BuddyAllocator&, unsigned)) {
    Indices indices{};
    for (unsigned order = 0; order < indices.size(); ++order) indices.at(order) = index(buddy, order);
    return indices;
}

// RAM of which the frames named are free, each a block of its own or a part of one.
class Ram {
public:
    Ram(std::uint64_t frames, const std::vector<std::uint64_t>& free)
        : table_(PageCount(frames)), buddy(table_, Pfn(1), Pfn(frames)) {
        table_.mark_used(Pfn(0), FrameState::reserved);
        while (const auto pfn = buddy.allocate(0)) table_.mark_used(*pfn, FrameState::reserved);
        for (const std::uint64_t number : free) {
            table_.drop_reference(Pfn(number));
            buddy.free(Pfn(number), 0);
        }
    }

private:
    FrameTable table_;

public:
    BuddyAllocator buddy;
};

}  // namespace

TEST_CASE("fragmentation: the two indices of a memory that is easy to see through") {
    // Four single frames, and a block of two: of the six frames a block of two can have two, one of four none.
    const Ram ram(64, {1, 4, 7, 9, 20, 21});
    CHECK(ram.buddy.free_blocks()[0] == 4);
    CHECK(ram.buddy.free_blocks()[1] == 1);
    CHECK(all(ram.buddy, unusable_free_index) == Indices{0, 666, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000});
    // For four frames there would be memory, 1000 - (1000 + 6000/4) / 5; for 32 there would not.
    CHECK(all(ram.buddy, fragmentation_index) == Indices{-1000, -1000, 500, 650, 725, 763, 782, 791, 796, 798, 799});
    CHECK(all(Ram(64, {}).buddy, unusable_free_index) ==
          Indices{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000});
    CHECK(all(Ram(64, {}).buddy, fragmentation_index) == Indices{});
}

TEST_CASE("fragmentation: one free block that is too small is want of memory, many are fragmentation") {
    CHECK(fragmentation_index(Ram(64, {8}).buddy, 3) == -125);
    std::vector<std::uint64_t> odd;
    for (std::uint64_t number = 1; number < 1024; number += 2) odd.push_back(number);
    const Ram scattered(1024, odd);
    CHECK(fragmentation_index(scattered.buddy, 1) == 499);
    CHECK(fragmentation_index(scattered.buddy, 4) == 936);
    CHECK(fragmentation_index(scattered.buddy, 9) == 997);
}

// mm/vmstat.c's own words, for every order: the part of free memory in blocks that are too small.
TEST_CASE("fragmentation: the unusable part, counted block by block") {
    std::mt19937_64 random(1);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::uint64_t> free;
        for (std::uint64_t number = 1; number < 200; ++number) {
            if (random() % 3 != 0) free.push_back(number);
        }
        const Ram ram(200, free);
        for (unsigned order = 0; order < BuddyAllocator::order_count; ++order) {
            std::uint64_t too_small = 0;
            for (const std::uint64_t number : free) {
                if (ram.buddy.free_block_of(Pfn(number))->order < order) ++too_small;
            }
            CHECK(unusable_free_index(ram.buddy, order) == static_cast<int>(too_small * 1000 / free.size()));
            CHECK((fragmentation_index(ram.buddy, order) == -1000) == (too_small < free.size()));
        }
    }
}

// What a Linux machine said of its zone DMA, beside its line of /proc/buddyinfo.
TEST_CASE("fragmentation: the figures of a real machine") {
    const std::array<std::uint64_t, 11> free_blocks{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3};
    std::vector<std::uint64_t> free;
    std::uint64_t next = 2048;
    for (unsigned order = 0; order < free_blocks.size(); ++order) {
        for (std::uint64_t block = 0; block < free_blocks.at(order); ++block, next += 2048) {
            for (std::uint64_t i = 0; i < 1ULL << order; ++i) free.push_back(next + i);
        }
    }
    const Ram ram(next, free);
    CHECK(ram.buddy.free_blocks() == free_blocks);
    CHECK(all(ram.buddy, unusable_free_index) == Indices{0, 0, 0, 0, 0, 0, 0, 0, 0, 66, 200});
    CHECK(all(ram.buddy, fragmentation_index) ==
          Indices{-1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000});
}

}  // namespace fl::mm
