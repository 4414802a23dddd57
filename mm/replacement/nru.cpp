#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

#include <array>
#include <random>
#include <vector>

namespace fl::replacement {

namespace {

// The four classes: neither accessed nor dirty, dirty only, accessed only, both.
unsigned class_of(const Pages& pages, PageId page) {
    return (pages.accessed(page) ? 2U : 0U) + (pages.dirty(page) ? 1U : 0U);
}

// Silberschatz's: rounds of a hand. The first looks for class 0, the second for class 1 and clears accessed bits on its
// way; then both again, which must find one.
class EnhancedSecondChance final : public Policy {
public:
    explicit EnhancedSecondChance(const Setup& setup) : pages_(setup.pages) {}

    void admit(PageId page, Access /*access*/) override { ring_.insert(page); }
    PageId choose_victim(PageId /*incoming*/) override {
        for (const bool wants_dirty : {false, true, false, true}) {
            for (std::uint32_t step = ring_.size(); step-- > 0; ring_.advance()) {
                const PageId page = ring_.hand();
                if (!pages_.evictable(page)) continue;
                if (class_of(pages_, page) == (wants_dirty ? 1U : 0U)) {
                    ring_.erase(page);
                    return page;
                }
                if (wants_dirty) pages_.clear_accessed(page);
            }
        }
        return no_page;
    }
    void forget(PageId page) override {
        if (ring_.holds(page)) ring_.erase(page);
    }
    std::string state() const override {
        if (ring_.size() == 0) return "clock empty";
        return "clock of " + std::to_string(ring_.size()) + ", hand at " + std::to_string(ring_.hand());
    }

private:
    Pages& pages_;
    Ring ring_;
};

// Tanenbaum's: any page of the lowest class that has one; ticks clear the accessed bits.
class NotRecentlyUsed final : public Policy {
public:
    explicit NotRecentlyUsed(const Setup& setup)
        : pages_(setup.pages), generator_(setup.seed), interval_(static_cast<std::uint64_t>(setup.parameters[1])) {}

    void admit(PageId page, Access /*access*/) override { resident_.push_back(page); }
    PageId choose_victim(PageId /*incoming*/) override {
        std::array<std::vector<PageId>, 4> classes;
        for (PageId page = resident_.front(); page != no_page; page = resident_.next(page))
            if (pages_.evictable(page)) classes.at(class_of(pages_, page)).push_back(page);
        for (const std::vector<PageId>& members : classes) {
            if (members.empty()) continue;
            const std::uint64_t number = generator_() >> 32;
            const PageId victim = members[static_cast<std::size_t>((number * members.size()) >> 32)];
            resident_.erase(victim);
            return victim;
        }
        return no_page;
    }
    void forget(PageId page) override {
        if (links_.linked(page)) resident_.erase(page);
    }
    std::uint64_t tick_interval() const override { return interval_; }
    void tick() override {
        for (PageId page = resident_.front(); page != no_page; page = resident_.next(page)) pages_.clear_accessed(page);
    }
    std::string state() const override { return std::to_string(resident_.size()) + " pages"; }

private:
    Pages& pages_;
    std::mt19937_64 generator_;
    std::uint64_t interval_;
    Links links_;
    PageList resident_{links_};
};

std::unique_ptr<Policy> make_form(const Setup& setup) {
    if (setup.parameters[0] == 0) return std::make_unique<EnhancedSecondChance>(setup);
    return std::make_unique<NotRecentlyUsed>(setup);
}

}  // namespace

const PolicyInfo& built_in::nru() {
    static const PolicyInfo info{
        "nru",
        "pages neither accessed nor dirty leave first, then dirty, then accessed ones",
        "A. Silberschatz, P. B. Galvin, G. Gagne, Operating System Concepts, enhanced second chance; A. S. Tanenbaum, "
        "Modern "
        "Operating Systems, not recently used",
        Needs::accessed_bits,
        {{"form",
          "a hand goes round up to four times (hand), or any page of the lowest class (random)",
          0,
          0,
          1,
          true,
          {"hand", "random"}},
         {"interval",
          "random: time between the ticks that clear accessed bits: references in a replay, nanoseconds in the "
          "machine",
          100'000, 1, 1e15}},
        make_form};
    return info;
}

}  // namespace fl::replacement
