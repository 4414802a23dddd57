#include "tests/unit/mm/replacement/duel_support.hpp"

#include "mm/replacement/checked_policy.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <random>

namespace fl::replacement::test {

namespace {

constexpr unsigned kinds = 4;
constexpr unsigned most_frames = 20;
// Ten of each kind at each size, with and without disturbance.
constexpr unsigned strings_per_duel = 10 * kinds * most_frames * 2;
// More than any program of a duel touches.
constexpr std::size_t page_limit = 100;

// One policy and the machine that it sees.
struct Side {
    TestPages pages;
    std::unique_ptr<Policy> policy;
    std::vector<bool> resident = std::vector<bool>(400);
    std::uint32_t count = 0;

    void leave(PageId page) {
        resident[page] = false;
        --count;
        pages.bits[page] = {};
    }
};

// What random programs do. Each kind of string chooses its pages another way.
class Programme {
public:
    Programme(std::uint64_t seed, std::uint32_t frames)
        : random_(seed), kind_(seed % kinds), distinct_(1 + below(3 * frames)), set_(1 + below(frames + 1)) {}

    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    bool one_in(std::uint64_t chance) { return below(chance) == 0; }
    PageId next_page() {
        ++step_;
        switch (kind_) {
            case 0: return static_cast<PageId>(below(distinct_));
            case 1: {  // few pages are popular
                const double share = static_cast<double>(below(1U << 20)) / (1U << 20);
                return static_cast<PageId>(static_cast<double>(distinct_) * share * share * share);
            }
            case 2: return static_cast<PageId>(one_in(8) ? below(distinct_) : step_ % (set_ + 1));  // a loop, disturbed
            default:                                                                                // phases
                if (one_in(40)) base_ = below(distinct_);
                return static_cast<PageId>(base_ + below(set_));
        }
    }

private:
    std::mt19937_64 random_;
    std::uint64_t kind_;
    std::uint64_t distinct_;
    std::uint64_t set_;
    std::uint64_t step_ = 0;
    std::uint64_t base_ = 0;
};

class Duel {
public:
    Duel(const PolicyChoice& choice, Make slow, std::uint64_t seed)
        : frames_(static_cast<std::uint32_t>(1 + seed / kinds % most_frames)), programme_(seed, frames_) {
        auto checked = CheckedPolicy::create(*choice.info, {frames_, fast_.pages, seed, choice.parameters});
        checked_ = checked->get();
        fast_.policy = *std::move(checked);
        slow_.policy = slow({frames_, slow_.pages, seed, choice.parameters});
        is_told_of_hits_ = choice.info->needs == Needs::every_reference;
        shrinks_always_ = is_told_of_hits_ && fast_.policy->variable_allocation();
        // Some strings have neither pins nor holes, so that memory is always full as in the papers.
        is_rough_ = seed / (kinds * most_frames) % 2 == 1;
    }

    // Where they differ, or what the fast one did wrong; empty: nothing.
    std::string run() {
        const std::uint64_t steps = 40 + programme_.below(200);
        for (step_ = 0; step_ < steps && difference_.empty(); ++step_) {
            if (is_rough_) disturb();
            reference(programme_.next_page());
            tick();
            compare();
        }
        return difference_;
    }

private:
    template <class Act>
    void both(Act act) {
        act(fast_);
        act(slow_);
    }
    void differ(const std::string& what) {
        if (difference_.empty())
            difference_ =
                fmt::format("at step {} with {} frames: {}; state: {}", step_, frames_, what, fast_.policy->state());
    }
    // The same question to both; the answers must agree.
    void evict_for(PageId incoming) {
        const PageId victim = fast_.policy->choose_victim(incoming);
        const PageId expected = slow_.policy->choose_victim(incoming);
        if (!checked_->error().empty()) differ(checked_->error());
        if (victim != expected) differ(fmt::format("chose {} instead of {}", victim, expected));
        if (victim != no_page && difference_.empty()) both([&](Side& side) { side.leave(victim); });
    }
    void shrink_for(PageId incoming) {
        std::vector<PageId> left, expected;
        fast_.policy->shrink(incoming, left);
        slow_.policy->shrink(incoming, expected);
        std::sort(left.begin(), left.end());
        std::sort(expected.begin(), expected.end());
        if (left != expected)
            differ(fmt::format("let {} go instead of {}", fmt::join(left, " "), fmt::join(expected, " ")));
        if (difference_.empty())
            for (const PageId page : left) both([&](Side& side) { side.leave(page); });
    }
    void disturb() {
        const auto page = static_cast<PageId>(programme_.below(3 * frames_));
        if (programme_.one_in(12)) {
            both([&](Side& side) {
                side.policy->forget(page);
                if (side.resident[page]) side.leave(page);
            });
        }
        if (programme_.one_in(6) && fast_.resident[page])
            both([&](Side& side) { side.pages.bits[page].pinned = !side.pages.bits[page].pinned; });
        // A fault that fails after room was made, or frames that something else needs.
        if (programme_.one_in(25) && !fast_.resident[page]) {
            if (!shrinks_always_) shrink_for(page);
            evict_for(page);
        }
    }
    void reference(PageId page) {
        const std::uint32_t count = programme_.one_in(4) ? static_cast<std::uint32_t>(1 + programme_.below(5)) : 1;
        const Access access = programme_.one_in(3) ? Access::write : Access::read;
        both([&](Side& side) { ++side.pages.now; });
        if (shrinks_always_) shrink_for(page);
        std::uint32_t hits = count;
        if (!fast_.resident[page]) {
            if (!fault(page, access)) return;
            --hits;
        }
        if (hits == 0) return;
        both([&](Side& side) {
            side.pages.now += hits - (hits == count ? 1 : 0);
            touch(side, page, access);
            if (is_told_of_hits_) side.policy->reference(page, access, hits);
        });
    }
    // Whether the page is resident now: it is not where all others are pinned.
    bool fault(PageId page, Access access) {
        if (!shrinks_always_) shrink_for(page);
        if (fast_.count >= frames_) evict_for(page);
        if (!difference_.empty() || fast_.count >= frames_) return false;
        both([&](Side& side) {
            side.resident[page] = true;
            ++side.count;
            touch(side, page, access);
            side.policy->admit(page, access);
        });
        return true;
    }
    static void touch(Side& side, PageId page, Access access) {
        side.pages.bits[page].accessed = true;
        if (access == Access::write) side.pages.bits[page].dirty = true;
    }
    void tick() {
        const std::uint64_t interval = fast_.policy->tick_interval();
        if (interval != slow_.policy->tick_interval()) differ("another interval between ticks");
        if (interval == 0) return;
        for (; ticks_ < fast_.pages.now / interval; ++ticks_) both([](Side& side) { side.policy->tick(); });
    }
    void compare() {
        if (!checked_->error().empty()) differ(checked_->error());
        for (PageId page = 0; page < page_limit; ++page)
            if (fast_.resident[page] && fast_.pages.bits[page] != slow_.pages.bits[page])
                differ(fmt::format("the bits of page {}", page));
    }

    std::uint32_t frames_;
    Programme programme_;
    Side fast_;
    Side slow_;
    CheckedPolicy* checked_ = nullptr;
    bool is_told_of_hits_ = false;
    bool shrinks_always_ = false;
    bool is_rough_ = false;
    std::uint64_t step_ = 0;
    std::uint64_t ticks_ = 0;
    std::string difference_;
};

}  // namespace

std::string first_difference(const std::string& policy, Make slow) {
    const auto choice = parse_policy(policy);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    for (std::uint64_t seed = 0; seed < strings_per_duel; ++seed) {
        const std::string difference = Duel(*choice, slow, seed).run();
        if (!difference.empty()) return fmt::format("{}, string {}: {}", policy, seed, difference);
    }
    return {};
}

std::unique_ptr<Policy> make_policy(const std::string& policy, std::uint32_t frames, Pages& pages) {
    const auto choice = parse_policy(policy);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    auto checked = CheckedPolicy::create(*choice->info, {frames, pages, 1, choice->parameters});
    REQUIRE_MESSAGE(checked.has_value(), checked.error());
    return *std::move(checked);
}

std::uint64_t count_faults(const std::string& policy, std::uint32_t frames, const std::vector<PageId>& string) {
    const auto choice = parse_policy(policy);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    const bool is_told_of_hits = choice->info->needs == Needs::every_reference;
    Side side;
    side.policy = make_policy(policy, frames, side.pages);
    std::uint64_t faults = 0;
    for (const PageId page : string) {
        ++side.pages.now;
        if (side.resident[page]) {
            side.pages.bits[page].accessed = true;
            if (is_told_of_hits) side.policy->reference(page, Access::read, 1);
            continue;
        }
        ++faults;
        if (side.count == frames) side.leave(side.policy->choose_victim(page));
        side.resident[page] = true;
        ++side.count;
        side.pages.bits[page].accessed = true;
        side.policy->admit(page, Access::read);
    }
    return faults;
}

}  // namespace fl::replacement::test
