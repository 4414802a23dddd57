#include "mm/buddy_allocator.hpp"

#include "tests/unit/mm/machine.hpp"

#include <map>
#include <random>

namespace fl::mm {

namespace {

// The allocator with the frame table that its callers keep in step.
class Buddy {
public:
    explicit Buddy(std::uint64_t frames, std::uint64_t first = 1)
        : table(PageCount(frames)), allocator(table, Pfn(first), Pfn(frames)) {
        for (std::uint64_t i = 0; i < first; ++i) table.mark_used(Pfn(i), FrameState::reserved);
    }

    Result<Pfn> allocate(unsigned order) {
        const auto pfn = allocator.allocate(order);
        if (!pfn) return pfn;
        for (std::uint64_t i = 0; i < (std::uint64_t{1} << order); ++i)
            table.mark_used(*pfn + i, FrameState::anonymous);
        return pfn;
    }
    void free(Pfn pfn, unsigned order) {
        for (std::uint64_t i = 0; i < (std::uint64_t{1} << order); ++i) table.drop_reference(pfn + i);
        allocator.free(pfn, order);
    }
    std::string broken() const { return allocator.inconsistency().value_or(""); }

    FrameTable table;
    BuddyAllocator allocator;
};

using Blocks = std::array<std::uint64_t, BuddyAllocator::order_count>;

}  // namespace

TEST_CASE("buddy: all of memory is free at first, in the largest aligned blocks") {
    Buddy buddy(64);
    CHECK(buddy.broken() == "");
    CHECK(buddy.allocator.free_page_count() == PageCount(63));
    CHECK(buddy.allocator.managed_page_count() == PageCount(63));
    // 1, 2-3, 4-7, 8-15, 16-31, 32-63.
    CHECK(buddy.allocator.free_blocks() == Blocks{1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0});

    Buddy odd(77, 3);
    CHECK(odd.broken() == "");
    // 3, 4-7, 8-15, 16-31, 32-63, 64-71, 72-75, 76.
    CHECK(odd.allocator.free_blocks() == Blocks{2, 0, 2, 2, 1, 1, 0, 0, 0, 0, 0});
}

TEST_CASE("buddy: a free list has the block first that is handed out next") {
    Buddy buddy(64);
    CHECK(buddy.allocator.free_list(5) == std::vector<Pfn>{Pfn(32)});
    CHECK(buddy.allocator.free_list(6).empty());
    std::vector<Pfn> taken;
    while (const auto pfn = buddy.allocate(0)) taken.push_back(*pfn);
    for (const std::uint64_t odd : {5, 9, 3, 31}) buddy.free(Pfn(odd), 0);
    CHECK(buddy.allocator.free_list(0) == std::vector<Pfn>{Pfn(31), Pfn(3), Pfn(9), Pfn(5)});
    for (unsigned order = 1; order < BuddyAllocator::order_count; ++order) {
        CHECK(buddy.allocator.free_list(order).empty());
    }
    CHECK(buddy.allocate(0) == Pfn(31));
}

TEST_CASE("buddy: every order is found at its alignment, split from larger blocks and joined again") {
    Buddy buddy(4096);
    const Blocks untouched = buddy.allocator.free_blocks();
    for (unsigned order = 0; order < BuddyAllocator::order_count; ++order) {
        CAPTURE(order);
        const auto pfn = buddy.allocate(order);
        REQUIRE(pfn.has_value());
        CHECK(pfn->value() % (std::uint64_t{1} << order) == 0);
        CHECK(buddy.broken() == "");
        CHECK(buddy.allocator.free_page_count() == PageCount(4095 - (std::uint64_t{1} << order)));
        buddy.free(*pfn, order);
        CHECK(buddy.broken() == "");
        CHECK(buddy.allocator.free_blocks() == untouched);
    }
}

TEST_CASE("buddy: a split keeps the upper halves, one of each order") {
    Buddy buddy(32, 16);
    CHECK(buddy.allocator.free_blocks() == Blocks{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0});
    CHECK(buddy.allocate(0) == Pfn(16));
    CHECK(buddy.allocator.free_blocks() == Blocks{1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0});
    CHECK(buddy.allocate(0) == Pfn(17));
    CHECK(buddy.allocate(1) == Pfn(18));
    CHECK(buddy.allocate(3) == Pfn(24));
    CHECK(buddy.allocator.free_blocks() == Blocks{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0});
    // Neighbours that are no buddies do not join: 17 and 18.
    buddy.free(Pfn(17), 0);
    buddy.free(Pfn(18), 1);
    CHECK(buddy.broken() == "");
    CHECK(buddy.allocator.free_blocks() == Blocks{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0});
    buddy.free(Pfn(16), 0);
    CHECK(buddy.allocator.free_blocks() == Blocks{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
    buddy.free(Pfn(24), 3);
    CHECK(buddy.allocator.free_blocks() == Blocks{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0});
    CHECK(buddy.broken() == "");
}

TEST_CASE("buddy: blocks of the largest order do not join") {
    Buddy buddy(4096);
    const auto low = buddy.allocate(10);
    const auto high = buddy.allocate(10);
    REQUIRE(low.has_value());
    REQUIRE(high.has_value());
    buddy.free(*low, 10);
    buddy.free(*high, 10);
    CHECK(buddy.broken() == "");
    CHECK(buddy.allocator.free_blocks()[10] == 3);
}

TEST_CASE("buddy: exhaustion is ENOMEM and changes nothing") {
    Buddy buddy(16);
    std::vector<Pfn> taken;
    while (const auto pfn = buddy.allocate(0)) taken.push_back(*pfn);
    CHECK(taken.size() == 15);
    CHECK(buddy.allocator.free_page_count() == PageCount(0));
    CHECK(test::outcome(buddy.allocate(0)) == "ENOMEM");
    CHECK(buddy.broken() == "");
    // A free frame does not help who needs two.
    buddy.free(taken[3], 0);
    CHECK(test::outcome(buddy.allocate(1)) == "ENOMEM");
    CHECK(buddy.allocate(0) == taken[3]);
    for (const Pfn pfn : taken) buddy.free(pfn, 0);
    CHECK(buddy.broken() == "");
    CHECK(buddy.allocator.free_blocks() == Blocks{1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("buddy: what was freed last is handed out first") {
    Buddy buddy(64);
    std::vector<Pfn> taken(20);
    for (Pfn& pfn : taken) pfn = buddy.allocate(0).value();
    // No two of these are buddies, so that each stays a block of its own.
    for (const int i : {2, 10, 6}) buddy.free(taken[static_cast<std::size_t>(i)], 0);
    for (const int i : {6, 10, 2}) CHECK(buddy.allocate(0) == taken[static_cast<std::size_t>(i)]);
}

TEST_CASE("buddy: any free frame can be taken out of its block, and joins it again") {
    for (std::uint64_t number = 1; number < 64; ++number) {
        CAPTURE(number);
        Buddy buddy(64);
        const Blocks untouched = buddy.allocator.free_blocks();
        const auto block = buddy.allocator.free_block_of(Pfn(number));
        REQUIRE(block.has_value());
        CHECK(block->first <= Pfn(number));
        CHECK(number < block->first.value() + (std::uint64_t{1} << block->order));
        buddy.allocator.take(Pfn(number));
        buddy.table.mark_used(Pfn(number), FrameState::anonymous);
        CHECK(buddy.broken() == "");
        CHECK(buddy.allocator.free_page_count() == PageCount(62));
        CHECK_FALSE(buddy.allocator.free_block_of(Pfn(number)).has_value());
        buddy.free(Pfn(number), 0);
        CHECK(buddy.broken() == "");
        CHECK(buddy.allocator.free_blocks() == untouched);
    }
    Buddy buddy(64);
    CHECK(test::asserts([&] { buddy.allocator.take(Pfn(0)); }));
}

TEST_CASE("buddy: fail_after lets so many allocations succeed and then none") {
    Buddy buddy(16);
    buddy.allocator.fail_after(2);
    CHECK(buddy.allocate(0).has_value());
    CHECK(buddy.allocate(0).has_value());
    CHECK_FALSE(buddy.allocate(0).has_value());
    CHECK_FALSE(buddy.allocate(0).has_value());
    CHECK(buddy.broken() == "");
    buddy.allocator.fail_after(std::nullopt);
    CHECK(buddy.allocate(0).has_value());
}

TEST_CASE("buddy: freeing twice, or at a wrong place, is caught") {
    Buddy buddy(64);
    const Pfn pfn = buddy.allocate(2).value();
    buddy.free(pfn, 2);
    CHECK(test::asserts([&] { buddy.allocator.free(pfn, 2); }));
    CHECK(test::asserts([&] { buddy.free(pfn, 2); }));
    CHECK(test::asserts([&] { buddy.allocator.free(Pfn(6), 2); }));
    CHECK(test::asserts([&] { buddy.allocator.free(Pfn(64), 0); }));
    CHECK(test::asserts([&] { (void)buddy.allocator.allocate(11); }));
}

TEST_CASE("buddy: random allocations and frees agree with a bitmap") {
    for (const std::uint64_t frames : {9U, 64U, 200U, 2600U}) {
        CAPTURE(frames);
        std::mt19937_64 random(frames);
        Buddy buddy(frames);
        const Blocks untouched = buddy.allocator.free_blocks();
        std::vector<bool> used(frames);
        used[0] = true;
        std::vector<std::pair<Pfn, unsigned>> live;
        const auto fits = [&](unsigned order) {
            const std::uint64_t size = std::uint64_t{1} << order;
            for (std::uint64_t at = 0; at + size <= frames; at += size) {
                bool free = true;
                for (std::uint64_t i = 0; i < size; ++i) free = free && !used[at + i];
                if (free) return true;
            }
            return false;
        };
        for (int step = 0; step < 1500; ++step) {
            const bool allocate = live.empty() || random() % 100 < 55;
            if (allocate) {
                const auto order = static_cast<unsigned>(std::min(random() % 11, random() % 11));
                const bool expected = fits(order);
                const auto pfn = buddy.allocate(order);
                REQUIRE(pfn.has_value() == expected);
                if (pfn) {
                    for (std::uint64_t i = 0; i < (std::uint64_t{1} << order); ++i) {
                        REQUIRE_FALSE(used[pfn->value() + i]);
                        used[pfn->value() + i] = true;
                    }
                    live.emplace_back(*pfn, order);
                }
            } else {
                const std::size_t pick = random() % live.size();
                const auto [pfn, order] = live[pick];
                live[pick] = live.back();
                live.pop_back();
                buddy.free(pfn, order);
                for (std::uint64_t i = 0; i < (std::uint64_t{1} << order); ++i) used[pfn.value() + i] = false;
            }
            REQUIRE(buddy.broken() == "");
            const auto free_count = static_cast<std::uint64_t>(std::count(used.begin(), used.end(), false));
            REQUIRE(buddy.allocator.free_page_count() == PageCount(free_count));
        }
        for (const auto& [pfn, order] : live) buddy.free(pfn, order);
        CHECK(buddy.broken() == "");
        CHECK(buddy.allocator.free_blocks() == untouched);
    }
}

TEST_CASE("buddy: inconsistency() notices what is wrong") {
    SUBCASE("a frame marked used behind its back") {
        Buddy buddy(64);
        // 33 lies inside the free block 32-63; its head is linked, the frame is not.
        buddy.table.mark_used(Pfn(33), FrameState::anonymous);
        CHECK(buddy.broken().find("holds a used frame") != std::string::npos);
    }
    SUBCASE("a frame freed in the table alone") {
        Buddy buddy(64);
        const Pfn pfn = buddy.allocate(0).value();
        buddy.table.drop_reference(pfn);
        CHECK(buddy.broken().find("on no free list") != std::string::npos);
    }
    SUBCASE("a block unlinked behind its back") {
        Buddy buddy(64);
        buddy.table.unlink_free_head(Pfn(1));
        CHECK(buddy.broken() != "");
    }
    SUBCASE("a block of another order") {
        Buddy buddy(64);
        buddy.table.unlink_free_head(Pfn(32));
        buddy.table.link_free_head(Pfn(32), 4, 0);
        CHECK(buddy.broken() != "");
    }
}

}  // namespace fl::mm
