// Policies that count or order uses: LRU, MRU, LFU, LRU-K, aging; and random, which does neither.
#include "tests/unit/mm/replacement/duel_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

namespace fl::replacement::test {

namespace {

// Every reference is written down, and the victim is the page whose notes compare least.
template <class Derived>
class SlowOrder : public Slow {
public:
    using Slow::Slow;
    struct Notes {
        std::vector<std::uint64_t> uses;  // since it entered
        std::vector<std::uint64_t> ever;
        std::uint64_t entered = 0;
    };

    void admit(PageId page, Access) override {
        ++now;
        notes[page].uses = {now};
        notes[page].ever.push_back(now);
        notes[page].entered = now;
        resident.insert(page);
    }
    void reference(PageId page, Access, std::uint32_t count) override {
        for (; count > 0; --count) {
            ++now;
            notes[page].uses.push_back(now);
            notes[page].ever.push_back(now);
        }
    }
    PageId choose_victim(PageId) override {
        PageId victim = no_page;
        for (const PageId page : resident) {
            if (!pages.evictable(page)) continue;
            if (victim == no_page || key(notes[page]) < key(notes[victim])) victim = page;
        }
        resident.erase(victim);
        return victim;
    }
    void forget(PageId page) override {
        resident.erase(page);
        notes.erase(page);
    }

protected:
    auto key(const Notes& page) const { return static_cast<const Derived*>(this)->key_of(page); }

    std::uint64_t now = 0;
    std::set<PageId> resident;
    std::map<PageId, Notes> notes;
};

class SlowLru final : public SlowOrder<SlowLru> {
public:
    using SlowOrder::SlowOrder;
    std::uint64_t key_of(const Notes& page) const { return page.uses.back(); }
};

class SlowMru final : public SlowOrder<SlowMru> {
public:
    using SlowOrder::SlowOrder;
    std::int64_t key_of(const Notes& page) const { return -static_cast<std::int64_t>(page.uses.back()); }
};

class SlowLfu final : public SlowOrder<SlowLfu> {
public:
    using SlowOrder::SlowOrder;
    std::pair<std::uint64_t, std::uint64_t> key_of(const Notes& page) const {
        return {parameters[0] == 1 ? page.ever.size() : page.uses.size(),
                parameters[1] == 1 ? page.entered : page.uses.back()};
    }
};

// Without a correlated period.
class SlowLruK final : public SlowOrder<SlowLruK> {
public:
    using SlowOrder::SlowOrder;
    std::pair<std::uint64_t, std::uint64_t> key_of(const Notes& page) const {
        const auto k = static_cast<std::size_t>(parameters[0]);
        const std::vector<std::uint64_t>& times = parameters[2] == 1 ? page.ever : page.uses;
        return {times.size() < k ? 0 : times[times.size() - k], times.back()};
    }
};

// Figure 2.1 of the paper, literally: HIST(p, i) and LAST(p), one reference at a time.
class SlowCorrelatedLruK final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        ++t;
        auto& h = hist[page];
        h.resize(k());
        for (std::size_t i = k() - 1; i >= 1; --i) h[i] = h[i - 1];
        h[0] = t;
        last[page] = t;
        resident.insert(page);
    }
    void reference(PageId p, Access, std::uint32_t count) override {
        for (; count > 0; --count) {
            ++t;
            if (t - last[p] > period()) {
                const std::uint64_t correlated = last[p] - hist[p][0];
                for (std::size_t i = k() - 1; i >= 1; --i)
                    hist[p][i] = hist[p][i - 1] == 0 ? 0 : hist[p][i - 1] + correlated;
                hist[p][0] = t;
            }
            last[p] = t;
        }
    }
    PageId choose_victim(PageId) override {
        // Pages within their correlated period leave only if there are no others.
        PageId victim = least([&](PageId q) { return t + 1 - last[q] > period(); });
        if (victim == no_page) victim = least([](PageId) { return true; });
        resident.erase(victim);
        return victim;
    }
    void forget(PageId page) override {
        resident.erase(page);
        hist.erase(page);
        last.erase(page);
    }

private:
    std::size_t k() const { return static_cast<std::size_t>(parameters[0]); }
    std::uint64_t period() const { return static_cast<std::uint64_t>(parameters[1]); }
    template <class Eligible>
    PageId least(Eligible eligible) {
        PageId victim = no_page;
        for (const PageId q : resident) {
            if (!pages.evictable(q) || !eligible(q)) continue;
            if (victim == no_page ||
                std::pair(hist[q][k() - 1], last[q]) < std::pair(hist[victim][k() - 1], last[victim]))
                victim = q;
        }
        return victim;
    }

    std::uint64_t t = 0;
    std::map<PageId, std::vector<std::uint64_t>> hist;
    std::map<PageId, std::uint64_t> last;
    std::set<PageId> resident;
};

// The bits as each tick found them, newest first.
class SlowAging final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        bits[page] = std::vector<bool>(size(), false);
        if (parameters[3] == 1) bits[page].front() = true;
        sums[page] = parameters[3] == 1 ? 1 : 0;
        order.push_back(page);
    }
    PageId choose_victim(PageId) override {
        PageId victim = no_page;
        for (const PageId page : order) {
            if (!pages.evictable(page)) continue;
            if (victim == no_page || (is_nfu() ? sums[page] < sums[victim] : bits[page] < bits[victim])) victim = page;
        }
        remove(order, victim);
        return victim;
    }
    void forget(PageId page) override { remove(order, page); }
    std::uint64_t tick_interval() const override { return static_cast<std::uint64_t>(parameters[2]); }
    void tick() override {
        for (const PageId page : order) {
            const bool accessed = pages.test_and_clear_accessed(page);
            bits[page].insert(bits[page].begin(), accessed);
            bits[page].resize(size());
            sums[page] += accessed ? 1 : 0;
        }
    }

private:
    bool is_nfu() const { return parameters[0] == 1; }
    std::size_t size() const { return static_cast<std::size_t>(parameters[1]); }

    std::map<PageId, std::vector<bool>> bits;
    std::map<PageId, unsigned> sums;
    Order order;
};

}  // namespace

TEST_CASE("recency: each is its slow self") {
    CHECK(first_difference<SlowLru>("lru") == "");
    CHECK(first_difference<SlowMru>("mru") == "");
    for (const char* history : {"resident", "forever"})
        for (const char* ties : {"lru", "fifo"})
            CHECK(first_difference<SlowLfu>(std::string("lfu,history=") + history + ",ties=" + ties) == "");
    for (const char* k : {"1", "2", "3"})
        for (const char* history : {"0", "1"})
            CHECK(first_difference<SlowLruK>(std::string("lru-k,k=") + k + ",history=" + history) == "");
    CHECK(first_difference<SlowCorrelatedLruK>("lru-k,correlated=3") == "");
    CHECK(first_difference<SlowCorrelatedLruK>("lru-k,k=3,correlated=1") == "");
    CHECK(first_difference<SlowAging>("nfu-aging,interval=7") == "");
    CHECK(first_difference<SlowAging>("nfu-aging,interval=3,bits=4,load=0") == "");
    CHECK(first_difference<SlowAging>("nfu-aging,interval=5,form=nfu") == "");
}

TEST_CASE("lru-k: K = 1 is LRU") { CHECK(first_difference<SlowLru>("lru-k,k=1") == ""); }

TEST_CASE("aging: Tanenbaum's six pages over five ticks") {
    TestPages pages;
    const auto aging = make_policy("nfu-aging,load=0", 6, pages);
    for (PageId page = 0; page < 6; ++page) aging->admit(page, Access::read);
    // Whether each page was used before each tick.
    const std::array<const char*, 6> used = {"11110", "01101", "10001", "00100", "11010", "10100"};
    for (std::size_t tick = 0; tick < 5; ++tick) {
        for (PageId page = 0; page < 6; ++page) pages.bits[page].accessed = used.at(page)[tick] == '1';
        aging->tick();
    }
    const std::array<const char*, 6> counters = {"01111000", "10110000", "10001000",
                                                 "00100000", "01011000", "00101000"};
    for (PageId page = 0; page < 6; ++page) CHECK(aging->describe(page) == std::string("counter ") + counters.at(page));
    for (const PageId victim : {3U, 5U, 4U, 0U, 2U, 1U}) CHECK(aging->choose_victim(9) == victim);
    CHECK(aging->choose_victim(9) == no_page);
}

TEST_CASE("random: any page with the same chance, pinned ones never, the same with the same seed") {
    TestPages pages;
    pages.bits[3].pinned = true;
    const PolicyInfo& info = *find_policy("random");
    std::array<int, 5> chosen{};
    std::vector<PageId> first_round;
    const auto policy = info.make({5, pages, 7, {}});
    const auto same = info.make({5, pages, 7, {}});
    const auto other = info.make({5, pages, 8, {}});
    for (PageId page = 0; page < 5; ++page)
        for (Policy* each : {policy.get(), same.get(), other.get()}) each->admit(page, Access::read);
    bool others_differ = false;
    for (int round = 0; round < 4000; ++round) {
        const PageId victim = policy->choose_victim(9);
        ++chosen.at(victim);
        CHECK(same->choose_victim(9) == victim);
        const PageId others = other->choose_victim(9);
        others_differ |= others != victim;
        policy->admit(victim, Access::read);
        same->admit(victim, Access::read);
        other->admit(others, Access::read);
    }
    CHECK(others_differ);
    CHECK(chosen[3] == 0);
    // 1000 expected for each, with a standard deviation of 27.
    for (const PageId page : {0U, 1U, 2U, 4U}) CHECK(std::abs(chosen.at(page) - 1000) < 6 * 27);

    // One that is evictable among many is found, and none where there is none.
    const auto crowd = make_policy("random", 100, pages);
    for (PageId page = 100; page < 200; ++page) {
        pages.bits[page].pinned = page != 150;
        crowd->admit(page, Access::read);
    }
    CHECK(crowd->choose_victim(9) == 150);
    CHECK(crowd->choose_victim(9) == no_page);
    crowd->forget(160);
    crowd->forget(160);
    crowd->forget(5);
    pages.bits[170].pinned = false;
    CHECK(crowd->choose_victim(9) == 170);
}

}  // namespace fl::replacement::test
