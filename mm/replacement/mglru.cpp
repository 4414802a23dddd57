#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

#include <algorithm>
#include <array>

namespace fl::replacement {

namespace {

// Two to four generations. Pages enter the youngest and leave from the oldest. Aging walks all pages: those accessed
// since become the youngest, and a new generation begins. A page's tier is how often it refaulted; a tier that refaults
// more than tier 0 does is protected: its pages go from the oldest generation to the next instead of leaving.
class MgLru final : public Policy {
public:
    explicit MgLru(const Setup& setup)
        : pages_(setup.pages),
          protects_(setup.parameters[0] != 0),
          walk_per_cent_(static_cast<std::uint64_t>(setup.parameters[1])) {}

    void admit(PageId page, Access /*access*/) override {
        Entry& entry = entries_[page];
        // Remembered while the generation that it left is one of the last few.
        if (entry.shadow != 0 && entry.shadow + generations_at_most > youngest_) {
            ++refaults_.at(entry.tier);
            entry.tier = static_cast<std::uint8_t>(std::min<unsigned>(entry.tier + 1U, tier_count - 1));
        } else {
            entry.tier = 0;
        }
        entry.shadow = 0;
        entry.generation = youngest_;
        list(youngest_).push_back(page);
        ++resident_;
    }
    PageId choose_victim(PageId /*incoming*/) override {
        if (is_aging_due()) age();
        bool protects = protects_;
        // Each round that finds none ends a generation; the walk in between clears what kept the others.
        for (unsigned round = 0; round < 2 * generations_at_most && resident_ > 0; ++round) {
            while (generation_count() > generations_at_least && list(oldest_).empty()) ++oldest_;
            if (const PageId victim = scan_oldest(protects); victim != no_page) return evict(victim);
            if (generation_count() == generations_at_least) {
                age();
                protects = false;
            }
            fold_oldest();
        }
        return no_page;
    }
    void forget(PageId page) override {
        const Entry entry = entries_.get(page);
        if (entry.generation != 0) {
            list(entry.generation).erase(page);
            --resident_;
        }
        if (entry.generation != 0 || entry.shadow != 0) entries_[page] = {};
    }
    std::string state() const override {
        std::string text = "generations " + std::to_string(oldest_) + " to " + std::to_string(youngest_) + ":";
        for (std::uint64_t generation = oldest_; generation <= youngest_; ++generation)
            text += " " + std::to_string(lists_.at(generation % generations_at_most).size());
        return text;
    }
    std::string describe(PageId page) const override {
        const Entry entry = entries_.get(page);
        if (entry.generation == 0) return {};
        return "generation " + std::to_string(entry.generation) + ", tier " + std::to_string(entry.tier);
    }

private:
    static constexpr unsigned generations_at_most = 4;
    static constexpr unsigned generations_at_least = 2;
    static constexpr unsigned tier_count = 4;
    struct Entry {
        std::uint64_t generation = 0;  // 0: not resident
        std::uint64_t shadow = 0;      // the youngest generation when it left; 0: none
        std::uint8_t tier = 0;
    };

    PageList& list(std::uint64_t generation) { return lists_.at(generation % generations_at_most); }
    void move(PageId page, std::uint64_t generation) {
        list(entries_[page].generation).erase(page);
        entries_[page].generation = generation;
        list(generation).push_back(page);
    }
    std::uint64_t generation_count() const { return youngest_ - oldest_ + 1; }
    // should_run_aging(): three generations of about the same size are best. Walks are some evictions apart, as each
    // looks at all pages.
    bool is_aging_due() {
        if (evictions_since_walk_ * 100 < std::uint64_t{resident_} * walk_per_cent_) return false;
        if (generation_count() != generations_at_least + 1) return generation_count() <= generations_at_least;
        return list(youngest_).size() * generations_at_least > resident_ ||
               list(oldest_).size() * (generations_at_least + 2) < resident_;
    }
    // try_to_inc_max_seq(): the walk, and a new generation.
    void age() {
        for (std::uint64_t generation = oldest_; generation <= youngest_; ++generation) {
            PageList& pages = list(generation);
            PageId page = pages.front();
            for (std::uint32_t left = pages.size(); left > 0; --left) {
                const PageId following = pages.next(page);
                if (pages_.evictable(page) && pages_.test_and_clear_accessed(page) && generation != youngest_)
                    move(page, youngest_);
                page = following;
            }
        }
        ++youngest_;
        evictions_since_walk_ = 0;
        for (std::uint64_t& number : refaults_) number /= 2;
        for (std::uint64_t& number : evictions_) number /= 2;
    }
    // A page that was accessed since the walk goes to the youngest generation, one of a protected tier to the next.
    PageId scan_oldest(bool may_protect) {
        const std::uint64_t oldest = oldest_;
        PageId page = list(oldest).front();
        for (std::uint32_t left = list(oldest).size(); left > 0; --left) {
            const PageId following = list(oldest).next(page);
            if (pages_.evictable(page)) {
                if (pages_.test_and_clear_accessed(page)) {
                    move(page, youngest_);
                } else if (may_protect && is_protected(entries_[page].tier)) {
                    move(page, oldest + 1);
                } else {
                    return page;
                }
            }
            page = following;
        }
        return no_page;
    }
    // Whether the tier's share of refaults is larger than that of tier 0.
    bool is_protected(std::uint8_t tier) const {
        return tier > 0 && refaults_.at(tier) * (evictions_[0] + 1) > (refaults_[0] + 1) * (evictions_.at(tier) + 1);
    }
    // Pinned pages must not hold up the others: inc_min_seq() takes them along to the next generation.
    void fold_oldest() {
        while (!list(oldest_).empty()) move(list(oldest_).front(), oldest_ + 1);
        ++oldest_;
    }
    PageId evict(PageId page) {
        Entry& entry = entries_[page];
        list(entry.generation).erase(page);
        --resident_;
        ++evictions_.at(entry.tier);
        ++evictions_since_walk_;
        entry.generation = 0;
        entry.shadow = youngest_;
        return page;
    }

    Pages& pages_;
    bool protects_;
    std::uint64_t walk_per_cent_;
    std::uint64_t evictions_since_walk_ = 0;
    std::uint64_t oldest_ = 1;
    std::uint64_t youngest_ = 2;
    std::uint32_t resident_ = 0;
    std::array<std::uint64_t, tier_count> refaults_{};
    std::array<std::uint64_t, tier_count> evictions_{};
    PerPage<Entry> entries_;
    Links links_;
    std::array<PageList, generations_at_most> lists_{PageList(links_), PageList(links_), PageList(links_),
                                                     PageList(links_)};
};

}  // namespace

const PolicyInfo& built_in::mglru() {
    static const PolicyInfo info{
        "mglru",
        "generations of pages, made by walks over the accessed bits; tiers that refault are protected",
        "Linux 6.1, mm/vmscan.c and Documentation/mm/multigen_lru.rst",
        Needs::accessed_bits,
        {{"tiers", "whether pages that refaulted are protected", 1, 0, 1},
         {"walk", "per cent of the resident pages that leave before all are walked again", 5, 0, 100}},
        make<MgLru>};
    return info;
}

}  // namespace fl::replacement
