#include "mm/vma_tree.hpp"

#include "tests/unit/mm/machine.hpp"

#include <algorithm>
#include <random>

namespace fl::mm {

namespace {

VirtAddr at(std::uint64_t page) { return VirtAddr(page * page_size); }

std::unique_ptr<Vma> make(std::uint64_t first, std::uint64_t end, VmFlags flags = vm_read) {
    return std::make_unique<Vma>(VirtRange{at(first), at(end)}, VmaContent{flags, AnonymousBacking{}, first});
}

// The same as a sorted vector of page ranges.
struct Naive {
    struct Entry {
        std::uint64_t first, end;
        bool grows_down;
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> entries;

    // The first page of the guard that a stack keeps, or of the entry.
    static std::uint64_t guarded_start(const Entry& entry) {
        return entry.grows_down ? entry.first - std::min<std::uint64_t>(entry.first, 256) : entry.first;
    }
    // The entry that ends the room at `page`; nullptr above the last.
    const Entry* above(std::uint64_t page) const {
        for (const Entry& entry : entries) {
            if (entry.first >= page) return &entry;
        }
        return nullptr;
    }
    bool is_free(std::uint64_t first, std::uint64_t end) const {
        return std::none_of(entries.begin(), entries.end(),
                            [&](const Entry& entry) { return entry.first < end && first < entry.end; });
    }
    std::optional<VirtAddr> top_down(std::uint64_t pages, std::uint64_t low, std::uint64_t high) const {
        for (std::uint64_t end = high; end >= low + pages && end >= pages; --end) {
            if (!is_free(end - pages, end)) continue;
            const Entry* next = above(end);
            if (next == nullptr || end <= guarded_start(*next)) return at(end - pages);
            end = guarded_start(*next) + 1;  // go on there
        }
        return std::nullopt;
    }
    std::optional<VirtAddr> bottom_up(std::uint64_t pages, std::uint64_t low, std::uint64_t high) const {
        for (std::uint64_t first = low; first + pages <= high; ++first) {
            if (!is_free(first, first + pages)) continue;
            const Entry* next = above(first);
            if (next == nullptr || first + pages <= guarded_start(*next)) return at(first);
        }
        return std::nullopt;
    }
};

void require_same(const VmaTree& tree, const Naive& naive) {
    REQUIRE(tree.inconsistency().value_or("") == "");
    REQUIRE(tree.count() == naive.entries.size());
    const Vma* vma = tree.first();
    for (const Naive::Entry& entry : naive.entries) {
        REQUIRE(vma != nullptr);
        REQUIRE(vma->range() == VirtRange{at(entry.first), at(entry.end)});
        REQUIRE(vma->pgoff() == entry.first);
        vma = vma->next();
    }
    REQUIRE(vma == nullptr);
}

void require_same_searches(VmaTree& tree, const Naive& naive, std::mt19937_64& random, std::uint64_t span) {
    for (int i = 0; i < 6; ++i) {
        const std::uint64_t page = random() % (span + 2);
        const VirtAddr inside = at(page) + random() % page_size;
        const auto found = std::find_if(naive.entries.begin(), naive.entries.end(),
                                        [&](const auto& entry) { return at(entry.end) > inside; });
        const Vma* vma = tree.find(inside);
        REQUIRE((vma == nullptr) == (found == naive.entries.end()));
        if (vma != nullptr) REQUIRE(vma->start() == at(found->first));

        const auto below = std::find_if(naive.entries.rbegin(), naive.entries.rend(),
                                        [&](const auto& entry) { return at(entry.first) < at(page); });
        const Vma* previous = tree.find_previous(at(page));
        REQUIRE((previous == nullptr) == (below == naive.entries.rend()));
        if (previous != nullptr) REQUIRE(previous->start() == at(below->first));

        const std::uint64_t end = page + 1 + random() % 20;
        const auto touching = std::find_if(naive.entries.begin(), naive.entries.end(),
                                           [&](const auto& entry) { return entry.first < end && page < entry.end; });
        const Vma* intersection = tree.find_intersection(VirtRange{at(page), at(end)});
        REQUIRE((intersection == nullptr) == (touching == naive.entries.end()));
        if (intersection != nullptr) REQUIRE(intersection->start() == at(touching->first));

        std::uint64_t low = random() % span;
        std::uint64_t high = random() % (2 * span);
        if (random() % 3 == 0) low = 1;
        if (random() % 3 == 0) high = span;
        const std::uint64_t pages = 1 + random() % (random() % 2 == 0 ? 8 : 600);
        const VirtRange limits{at(std::min(low, high)), at(high)};
        REQUIRE(tree.find_gap_top_down(pages * page_size, limits) == naive.top_down(pages, low, high));
        REQUIRE(tree.find_gap_bottom_up(pages * page_size, limits) == naive.bottom_up(pages, low, high));
    }
}

}  // namespace

TEST_CASE("vma tree: an empty one finds nothing but room") {
    VmaTree tree;
    CHECK(tree.inconsistency().value_or("") == "");
    CHECK(tree.find(at(5)) == nullptr);
    CHECK(tree.find_previous(at(5)) == nullptr);
    CHECK(tree.first() == nullptr);
    CHECK(tree.find_gap_top_down(page_size, VirtRange{at(1), at(100)}) == at(99));
    CHECK(tree.find_gap_bottom_up(page_size, VirtRange{at(1), at(100)}) == at(1));
    CHECK_FALSE(tree.find_gap_top_down(100 * page_size, VirtRange{at(1), at(100)}).has_value());
    CHECK(tree.find_gap_top_down(99 * page_size, VirtRange{at(1), at(100)}) == at(1));
    CHECK_FALSE(tree.find_gap_bottom_up(page_size, VirtRange{at(100), at(100)}).has_value());
}

TEST_CASE("vma tree: find gives the VMA at an address or the next above") {
    VmaTree tree;
    Vma& low = tree.insert(make(10, 20));
    Vma& high = tree.insert(make(30, 40));
    CHECK(tree.find(at(0)) == &low);
    CHECK(tree.find(at(20) - 1) == &low);
    CHECK(tree.find(at(20)) == &high);
    CHECK(tree.find(at(35)) == &high);
    CHECK(tree.find(at(40)) == nullptr);
    CHECK(tree.find_previous(at(10)) == nullptr);
    CHECK(tree.find_previous(at(10) + 1) == &low);
    CHECK(tree.find_previous(at(30)) == &low);
    CHECK(tree.find_previous(at(100)) == &high);
    CHECK(tree.find_intersection(VirtRange{at(20), at(30)}) == nullptr);
    CHECK(tree.find_intersection(VirtRange{at(19), at(20)}) == &low);
    CHECK(low.next() == &high);
    CHECK(high.previous() == &low);
}

TEST_CASE("vma tree: the last hit is forgotten when its VMA goes, shrinks or moves") {
    VmaTree tree;
    Vma& vma = tree.insert(make(10, 20));
    tree.insert(make(30, 40));
    CHECK(tree.find(at(15)) == &vma);
    tree.resize(vma, VirtRange{at(10), at(14)});
    CHECK(tree.find(at(15))->start() == at(30));
    CHECK(tree.find(at(12)) == &vma);
    tree.remove(vma);
    CHECK(tree.find(at(12))->start() == at(30));
}

TEST_CASE("vma tree: a stack keeps its guard free") {
    VmaTree tree;
    tree.insert(make(100, 200));
    tree.insert(make(1000, 1100, vm_read | vm_growsdown));
    // 800 pages of gap, 256 of them the guard.
    CHECK(tree.find_gap_top_down(544 * page_size, VirtRange{at(1), at(1100)}) == at(200));
    CHECK_FALSE(tree.find_gap_top_down(545 * page_size, VirtRange{at(1), at(1100)}).has_value());
    CHECK(tree.find_gap_top_down(page_size, VirtRange{at(1), at(1100)}) == at(743));
    CHECK(tree.find_gap_bottom_up(544 * page_size, VirtRange{at(150), at(1100)}) == at(200));
    // A small gap that the search would find first, if it did not go on below the guard.
    tree.insert(make(900, 901));
    CHECK(tree.find_gap_top_down(page_size, VirtRange{at(1), at(1100)}) == at(743));
    CHECK(tree.find_gap_top_down(99 * page_size, VirtRange{at(1), at(1100)}) == at(645));
    // Too large for the gap beside the stack: its guard does not matter.
    CHECK(tree.find_gap_top_down(100 * page_size, VirtRange{at(1), at(1100)}) == at(800));
    // A guard that would reach below address 0 leaves no gap.
    tree.insert(make(10, 20, vm_read | vm_growsdown));
    CHECK(tree.inconsistency().value_or("") == "");
    CHECK(tree.find_gap_bottom_up(page_size, VirtRange{at(1), at(1100)}) == at(20));
}

TEST_CASE("vma tree: resize moves pgoff with the start, and passing a neighbour is a bug") {
    VmaTree tree;
    Vma& low = tree.insert(make(10, 20));
    Vma& high = tree.insert(make(30, 40));
    tree.resize(high, VirtRange{at(25), at(40)});
    CHECK(high.pgoff() == 25);
    tree.resize(high, VirtRange{at(32), at(50)});
    CHECK(high.pgoff() == 32);
    CHECK(tree.inconsistency().value_or("") == "");
    CHECK(test::asserts([&] { tree.resize(low, VirtRange{at(10), at(33)}); }));
    CHECK(test::asserts([&] { tree.resize(high, VirtRange{at(19), at(50)}); }));
    CHECK(test::asserts([&] { tree.insert(make(15, 16)); }));
    CHECK(test::asserts([&] { tree.insert(make(5, 11)); }));
}

TEST_CASE("vma tree: random inserts, removals and resizes agree with a sorted vector") {
    for (const std::uint64_t seed : {1, 2, 3, 4}) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const std::uint64_t span = seed % 2 == 0 ? 400 : 20000;  // crowded, or with room for guards
        VmaTree tree;
        Naive naive;
        for (int step = 0; step < 1500; ++step) {
            const auto size = naive.entries.size();
            // Grow for a while, then shrink to nothing, and again.
            const bool growing = step % 500 < 350;
            const std::uint64_t dice = random() % 100;
            if (size == 0 || dice < (growing ? 60 : 20)) {
                const std::uint64_t first = 1 + random() % span;
                const std::uint64_t end = first + 1 + random() % 12;
                const bool free = std::none_of(naive.entries.begin(), naive.entries.end(), [&](const auto& entry) {
                    return entry.first < end && first < entry.end;
                });
                if (free) {
                    const bool grows = random() % 5 == 0;
                    tree.insert(make(first, end, grows ? vm_read | vm_growsdown : vm_read));
                    naive.entries.push_back({first, end, grows});
                    std::sort(naive.entries.begin(), naive.entries.end(),
                              [](const auto& a, const auto& b) { return a.first < b.first; });
                }
            } else if (dice < 80) {
                const std::size_t pick = random() % size;
                auto removed = tree.remove(*tree.find(at(naive.entries[pick].first)));
                REQUIRE(removed->start() == at(naive.entries[pick].first));
                naive.entries.erase(naive.entries.begin() + static_cast<std::ptrdiff_t>(pick));
            } else {
                const std::size_t pick = random() % size;
                Naive::Entry& entry = naive.entries[pick];
                const std::uint64_t low = pick == 0 ? 1 : naive.entries[pick - 1].end;
                const std::uint64_t high = pick + 1 == size ? span + 40 : naive.entries[pick + 1].first;
                Vma* vma = tree.find(at(entry.first));
                const std::uint64_t room = std::min<std::uint64_t>(high - low, 40);
                const std::uint64_t new_first = std::clamp(entry.first + random() % 9 - 4, low, high - 1);
                entry.first = new_first;
                entry.end = std::min(high, new_first + 1 + random() % room);
                tree.resize(*vma, VirtRange{at(entry.first), at(entry.end)});
            }
            require_same(tree, naive);
            require_same_searches(tree, naive, random, span);
        }
    }
}

TEST_CASE("vma tree: ascending, descending and interleaved inserts stay balanced") {
    constexpr std::uint64_t count = 600;
    for (const int order : {0, 1, 2}) {
        CAPTURE(order);
        VmaTree tree;
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t slot = order == 0 ? i : order == 1 ? count - 1 - i : i * 331 % count;
            tree.insert(make(1 + slot * 3, 2 + slot * 3));
            if (i % 50 == 0) REQUIRE(tree.inconsistency().value_or("") == "");
        }
        CHECK(tree.count() == count);
        CHECK(tree.inconsistency().value_or("") == "");
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t slot = i * 77 % count;
            tree.remove(*tree.find(at(1 + slot * 3)));
            if (i % 50 == 0) REQUIRE(tree.inconsistency().value_or("") == "");
        }
        CHECK(tree.count() == 0);
        CHECK(tree.first() == nullptr);
        CHECK(tree.last() == nullptr);
    }
}

TEST_CASE("nodes: the shape of the tree in address order, with its gaps") {
    VmaTree tree;
    CHECK(tree.nodes().empty());
    tree.insert(make(10, 11));
    tree.insert(make(30, 31));
    tree.insert(make(20, 21));
    const auto nodes = tree.nodes();
    REQUIRE(nodes.size() == 3);
    CHECK(nodes[0].vma->start() == at(10));
    CHECK(nodes[1].vma->start() == at(20));
    CHECK(nodes[2].vma->start() == at(30));
    CHECK((nodes[1].side == VmaTree::Side::root && nodes[1].depth == 0));
    CHECK((nodes[0].side == VmaTree::Side::left && nodes[0].depth == 1));
    CHECK((nodes[2].side == VmaTree::Side::right && nodes[2].depth == 1));
    CHECK(nodes[1].colour == VmaTree::Colour::black);
    CHECK((nodes[0].colour == VmaTree::Colour::red && nodes[2].colour == VmaTree::Colour::red));
    CHECK(nodes[0].subtree_gap_bytes == 10 * page_size);
    CHECK(nodes[1].subtree_gap_bytes == 10 * page_size);
    CHECK(nodes[2].subtree_gap_bytes == 9 * page_size);
}

TEST_CASE("the last hit answers again, until its VMA is gone") {
    VmaTree tree;
    Vma& first = tree.insert(make(10, 12));
    tree.insert(make(20, 21));
    const auto counted = [&tree](std::uint64_t page) {
        const VmaTree::CacheCounters before = tree.cache_counters();
        tree.find(at(page));
        const VmaTree::CacheCounters after = tree.cache_counters();
        CHECK(after.lookups == before.lookups + 1);
        return after.hits - before.hits;
    };
    CHECK(counted(10) == 0);
    CHECK(counted(11) == 1);
    CHECK(tree.last_hit() == &first);
    CHECK(counted(20) == 0);
    CHECK(counted(10) == 0);
    tree.remove(first);
    CHECK(tree.last_hit() == nullptr);
}

}  // namespace fl::mm
