// What Linux does: two lists with refault distances, and generations.
#include "tests/unit/mm/replacement/duel_support.hpp"

#include <doctest/doctest.h>

#include <map>
#include <optional>

namespace fl::replacement::test {

namespace {

class SlowTwoLists final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        const auto shadow = shadows.find(page);
        const bool activates = shadow != shadows.end() && age - shadow->second <= active.size();
        if (shadow != shadows.end()) shadows.erase(shadow);
        referenced[page] = false;
        (activates ? active : inactive).push_back(page);
        if (activates) ++age;
    }
    PageId choose_victim(PageId) override {
        for (double moved = 0; moved < parameters[0] && inactive.size() < active.size(); ++moved)
            if (!deactivate()) break;
        PageId victim = shrink_inactive();
        if (victim == no_page && deactivate()) victim = shrink_inactive();
        if (victim == no_page) return no_page;
        remove(inactive, victim);
        shadows[victim] = age++;
        return victim;
    }
    void forget(PageId page) override {
        remove(active, page);
        remove(inactive, page);
        shadows.erase(page);
    }

private:
    bool deactivate() {
        const PageId page = first(active, pages);
        if (page == no_page) return false;
        remove(active, page);
        pages.clear_accessed(page);
        inactive.push_back(page);
        return true;
    }
    PageId shrink_inactive() {
        for (PageId page = first(inactive, pages); page != no_page; page = first(inactive, pages)) {
            if (!pages.test_and_clear_accessed(page)) {
                referenced[page] = false;
                return page;
            }
            remove(inactive, page);
            (referenced[page] ? active : inactive).push_back(page);
            if (referenced[page]) ++age;
            referenced[page] = !referenced[page];
        }
        return no_page;
    }

    Order inactive, active;
    std::map<PageId, bool> referenced;
    std::map<PageId, std::uint64_t> shadows;
    std::uint64_t age = 0;
};

// All generations in one map of pages; each list is made when it is needed.
class SlowMgLru final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        const auto shadow = shadows.find(page);
        if (shadow != shadows.end() && max_seq - shadow->second < 4) {
            ++refaulted[tier[page]];
            tier[page] = std::min(tier[page] + 1, 3);
        } else {
            tier[page] = 0;
        }
        if (shadow != shadows.end()) shadows.erase(shadow);
        generations[max_seq].push_back(page);
    }
    PageId choose_victim(PageId) override {
        if (should_run_aging()) run_aging();
        bool protects = parameters[0] == 1;
        for (int patience = 8; patience > 0 && resident() > 0; --patience) {
            while (min_seq + 1 < max_seq && generations[min_seq].empty()) ++min_seq;
            if (const auto victim = evict_oldest(protects)) {
                ++evicted[tier[*victim]];
                ++since_walk;
                shadows[*victim] = max_seq;
                return *victim;
            }
            if (min_seq + 1 == max_seq) {
                run_aging();
                protects = false;
            }
            Order& next = generations[min_seq + 1];
            next.insert(next.end(), generations[min_seq].begin(), generations[min_seq].end());
            generations[min_seq].clear();
            ++min_seq;
        }
        return no_page;
    }
    void forget(PageId page) override {
        for (auto& [seq, order] : generations) remove(order, page);
        shadows.erase(page);
        tier.erase(page);
    }

private:
    std::size_t resident() const {
        std::size_t sum = 0;
        for (const auto& [seq, order] : generations) sum += order.size();
        return sum;
    }
    bool should_run_aging() {
        if (static_cast<double>(since_walk) * 100 < static_cast<double>(resident()) * parameters[1]) return false;
        if (min_seq + 2 > max_seq) return true;
        if (min_seq + 2 < max_seq) return false;
        return generations[max_seq].size() * 2 > resident() || generations[min_seq].size() * 4 < resident();
    }
    void run_aging() {
        Order& youngest = generations[max_seq];
        for (const PageId page : youngest)
            if (pages.evictable(page)) pages.clear_accessed(page);
        for (std::uint64_t seq = min_seq; seq < max_seq; ++seq) {
            Order stay;
            for (const PageId page : generations[seq])
                (pages.evictable(page) && pages.test_and_clear_accessed(page) ? youngest : stay).push_back(page);
            generations[seq] = stay;
        }
        ++max_seq;
        since_walk = 0;
        for (auto* counts : {&refaulted, &evicted})
            for (auto& [of_tier, number] : *counts) number /= 2;
    }
    std::optional<PageId> evict_oldest(bool protects) {
        const Order order = generations[min_seq];
        for (const PageId page : order) {
            if (!pages.evictable(page)) continue;
            remove(generations[min_seq], page);
            const int of = tier[page];
            if (pages.test_and_clear_accessed(page)) {
                generations[max_seq].push_back(page);
            } else if (protects && of > 0 &&
                       refaulted[of] * (evicted[0] + 1) > (refaulted[0] + 1) * (evicted[of] + 1)) {
                generations[min_seq + 1].push_back(page);
            } else {
                return page;
            }
        }
        return std::nullopt;
    }

    std::uint64_t min_seq = 1, max_seq = 2, since_walk = 0;
    std::map<std::uint64_t, Order> generations;
    std::map<PageId, std::uint64_t> shadows;
    std::map<PageId, int> tier;
    std::map<int, std::uint64_t> refaulted, evicted;
};

}  // namespace

TEST_CASE("linux: each is its slow self") {
    CHECK(first_difference<SlowTwoLists>("linux-2list") == "");
    CHECK(first_difference<SlowTwoLists>("linux-2list,batch=1") == "");
    CHECK(first_difference<SlowMgLru>("mglru") == "");
    CHECK(first_difference<SlowMgLru>("mglru,tiers=0,walk=100") == "");
    CHECK(first_difference<SlowMgLru>("mglru,walk=0") == "");
}

TEST_CASE("linux-2list: used twice a page is active, and one that comes back soon is so at once") {
    TestPages pages;
    const auto policy = make_policy("linux-2list", 4, pages);
    for (PageId page = 1; page <= 4; ++page) {
        pages.bits[page].accessed = page != 2;
        policy->admit(page, Access::read);
    }
    CHECK(policy->describe(1) == "inactive");
    // 1 was used: it goes round once. 2 was not.
    CHECK(policy->choose_victim(5) == 2);
    CHECK(policy->describe(1) == "inactive, referenced");
    // Used again it is active; 3 and 4 have gone round by then and are not used again.
    pages.bits[1].accessed = true;
    CHECK(policy->choose_victim(5) == 3);
    CHECK(policy->describe(1) == "active");
    CHECK(policy->state() == "inactive 1, active 1, age 3");
    // 3 left one eviction ago, and one page is active; 2 left three events ago.
    policy->admit(3, Access::read);
    CHECK(policy->describe(3) == "active");
    policy->admit(2, Access::read);
    CHECK(policy->describe(2) == "inactive");
}

TEST_CASE("mglru: what is used between walks stays") {
    // Two pages in constant use, and a scan.
    std::vector<PageId> string;
    for (PageId page = 100; page < 400; ++page) string.insert(string.end(), {1, 2, page});
    CHECK(count_faults("lru", 8, string) == 302);
    CHECK(count_faults("fifo", 8, string) > 380);
    CHECK(count_faults("mglru", 8, string) < 310);
    CHECK(count_faults("linux-2list", 8, string) < 310);
}

}  // namespace fl::replacement::test
