// Policies that look at time: working set, page fault frequency, WSClock.
#include "tests/unit/mm/replacement/duel_support.hpp"

#include <doctest/doctest.h>

#include <map>

namespace fl::replacement::test {

namespace {

class SlowWorkingSet final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        last[page] = pages.time();
        to_back(by_use, page);
    }
    void reference(PageId page, Access access, std::uint32_t) override { admit(page, access); }
    void shrink(PageId incoming, std::vector<PageId>& out) override {
        const auto window = static_cast<std::uint64_t>(parameters[0]);
        for (const auto& [page, time] : last) {
            const std::uint64_t since = pages.time() - time;
            if ((page == incoming ? since > window : since >= window) && pages.evictable(page)) out.push_back(page);
        }
        for (const PageId page : out) forget(page);
    }
    PageId choose_victim(PageId) override {
        const PageId victim = first(by_use, pages);
        forget(victim);
        return victim;
    }
    void forget(PageId page) override {
        last.erase(page);
        remove(by_use, page);
    }
    bool variable_allocation() const override { return true; }

private:
    std::map<PageId, std::uint64_t> last;
    Order by_use;
};

class SlowPff final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override { order.push_back(page); }
    void shrink(PageId, std::vector<PageId>& out) override {
        const bool is_long = pages.time() - last >= static_cast<std::uint64_t>(parameters[0]);
        last = pages.time();
        Order used, unused;
        for (const PageId page : order) {
            const bool moves = pages.evictable(page) && pages.accessed(page);
            if (moves) pages.clear_accessed(page);
            (moves ? used : unused).push_back(page);
        }
        if (is_long)
            for (const PageId page : unused)
                if (pages.evictable(page)) out.push_back(page);
        for (const PageId page : out) remove(unused, page);
        order = unused;
        order.insert(order.end(), used.begin(), used.end());
    }
    PageId choose_victim(PageId) override {
        const PageId victim = first(order, pages);
        remove(order, victim);
        return victim;
    }
    void forget(PageId page) override { remove(order, page); }
    bool variable_allocation() const override { return true; }

private:
    std::uint64_t last = 0;
    Order order;
};

// The page under the hand is in front.
class SlowWsClock final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        ring.push_back(page);
        used[page] = pages.time();
    }
    PageId choose_victim(PageId) override {
        double writes = 0;
        for (int round = 0; round < 2; ++round) {
            if (round == 1 && writes == 0) break;
            for (std::size_t i = 0; i < ring.size(); ++i) {
                const PageId page = ring.front();
                if (pages.evictable(page)) {
                    if (pages.test_and_clear_accessed(page)) {
                        used[page] = pages.time();
                    } else if (pages.time() - used[page] > static_cast<std::uint64_t>(parameters[0])) {
                        if (!pages.dirty(page)) return take(page);
                        if (writes < parameters[1]) {
                            ++writes;
                            pages.write_back(page);
                        }
                    }
                }
                std::rotate(ring.begin(), ring.begin() + 1, ring.end());
            }
        }
        for (std::size_t i = 0; i < ring.size(); ++i) {
            if (pages.evictable(ring[i]) && !pages.dirty(ring[i])) {
                std::rotate(ring.begin(), ring.begin() + static_cast<std::ptrdiff_t>(i), ring.end());
                return take(ring.front());
            }
        }
        const PageId any = first(ring, pages);
        return any == no_page ? no_page : take(any);
    }
    void forget(PageId page) override { remove(ring, page); }

private:
    PageId take(PageId page) {
        remove(ring, page);
        return page;
    }

    Order ring;
    std::map<PageId, std::uint64_t> used;
};

}  // namespace

TEST_CASE("windows: each is its slow self") {
    CHECK(first_difference<SlowWorkingSet>("working-set,window=1") == "");
    CHECK(first_difference<SlowWorkingSet>("working-set,window=8") == "");
    CHECK(first_difference<SlowWorkingSet>("working-set,window=100") == "");
    CHECK(first_difference<SlowPff>("pff,threshold=1") == "");
    CHECK(first_difference<SlowPff>("pff,threshold=4") == "");
    CHECK(first_difference<SlowPff>("pff,threshold=30") == "");
    CHECK(first_difference<SlowWsClock>("wsclock,window=1") == "");
    CHECK(first_difference<SlowWsClock>("wsclock,window=10,writes=1") == "");
    CHECK(first_difference<SlowWsClock>("wsclock,window=10,writes=0") == "");
    CHECK(first_difference<SlowWsClock>("wsclock,window=1000") == "");
}

TEST_CASE("wsclock: an old clean page leaves, an old dirty one is written back") {
    TestPages pages;
    const auto policy = make_policy("wsclock,window=100", 4, pages);
    // Tanenbaum's figure: the current time is 2204; these were used last at 2084, 2032, 1620 and 1213.
    pages.now = 2084;
    policy->admit(1, Access::read);
    pages.now = 2032;
    policy->admit(2, Access::read);
    pages.now = 1620;
    policy->admit(3, Access::read);
    pages.now = 1213;
    policy->admit(4, Access::read);
    pages.now = 2204;
    pages.bits[1].accessed = true;
    pages.bits[2].dirty = true;
    // 1 was used: its bit is cleared, it is in the working set again. 2 is old and dirty. 3 is old and clean.
    CHECK(policy->choose_victim(5) == 3);
    CHECK_FALSE(pages.bits[1].accessed);
    CHECK(policy->describe(1) == "last use seen at 2204");
    CHECK_FALSE(pages.bits[2].dirty);
    CHECK(policy->state() == "clock of 3, hand at 4");
}

}  // namespace fl::replacement::test
