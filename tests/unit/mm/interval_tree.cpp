#include "mm/interval_tree.hpp"

#include "tests/unit/mm/machine.hpp"

#include <random>

namespace fl::mm {

namespace {

struct Interval {
    Interval(std::uint64_t first, std::uint64_t last)
        : vma(VirtRange{VirtAddr(page_size), VirtAddr(2 * page_size)}, VmaContent{}), node(vma) {
        node.first = first;
        node.last = last;
    }
    Vma vma;
    IntervalNode node;
};

}  // namespace

TEST_CASE("interval tree: it finds what a look at every interval finds, whatever was put in and taken out") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        std::vector<std::unique_ptr<Interval>> in;
        IntervalTree tree;
        for (int step = 0; step < 400; ++step) {
            if (in.empty() || random() % 3 != 0) {
                const std::uint64_t first = random() % 60;
                in.push_back(std::make_unique<Interval>(first, first + random() % (1 + random() % 30)));
                tree.insert(in.back()->node);
            } else {
                const std::size_t gone = random() % in.size();
                tree.remove(in[gone]->node);
                // With the same summary as before it goes back in: nothing may be remembered of the old place.
                if (random() % 2 == 0) {
                    tree.insert(in[gone]->node);
                } else {
                    std::swap(in[gone], in.back());
                    in.pop_back();
                }
            }
            REQUIRE(tree.inconsistency().value_or("") == "");
            const std::uint64_t first = random() % 90;
            const std::uint64_t last = first + random() % 8;
            std::vector<const Vma*> expected, found;
            for (const auto& interval : in) {
                if (interval->node.first <= last && interval->node.last >= first) expected.push_back(&interval->vma);
            }
            tree.for_each(first, last, [&](const Vma& vma) { found.push_back(&vma); });
            std::ranges::sort(expected);
            std::ranges::sort(found);
            REQUIRE(found == expected);
        }
        for (const auto& interval : in) tree.remove(interval->node);
        CHECK(tree.empty());
    }
}

}  // namespace fl::mm
