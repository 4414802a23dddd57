#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

#include <cmath>

namespace fl::replacement {

namespace {

// An inactive list, from whose end pages leave, and an active one that feeds it when the inactive one is low. A page
// that leaves has a shadow: the age of the lists at that time. It comes back to the active list where the list would
// have kept it had it been longer by what is active now (refault distance).
class LinuxTwoLists final : public Policy {
public:
    explicit LinuxTwoLists(const Setup& setup)
        : pages_(setup.pages),
          batch_(static_cast<std::uint32_t>(setup.parameters[0])),
          ratio_(inactive_ratio(setup.frames)) {}

    void admit(PageId page, Access /*access*/) override {
        Entry& entry = entries_[page];
        const bool activates = entry.shadow != 0 && age_ - (entry.shadow - 1) <= active_.size();
        entry = {0, activates ? Where::active : Where::inactive, false};
        (activates ? active_ : inactive_).push_back(page);
        if (activates) ++age_;
    }
    PageId choose_victim(PageId /*incoming*/) override {
        if (is_inactive_low()) deactivate(batch_);
        PageId victim = scan_inactive();
        if (victim == no_page) {
            // All that is inactive is pinned, or was used and is active now.
            deactivate(1);
            victim = scan_inactive();
        }
        if (victim == no_page) return no_page;
        inactive_.erase(victim);
        entries_[victim] = {++age_, Where::nowhere, false};
        return victim;
    }
    void forget(PageId page) override {
        const Where where = entries_.get(page).where;
        if (where != Where::nowhere) (where == Where::active ? active_ : inactive_).erase(page);
        if (where != Where::nowhere || entries_.get(page).shadow != 0) entries_[page] = {};
    }
    std::string state() const override {
        return "inactive " + std::to_string(inactive_.size()) + ", active " + std::to_string(active_.size()) +
               ", age " + std::to_string(age_);
    }
    std::string describe(PageId page) const override {
        const Entry entry = entries_.get(page);
        if (entry.where == Where::active) return "active";
        if (entry.where == Where::inactive) return entry.referenced ? "inactive, referenced" : "inactive";
        if (entry.shadow == 0) return {};
        return "left " + std::to_string(age_ - (entry.shadow - 1)) + " evictions and activations ago";
    }

private:
    enum class Where : std::uint8_t { nowhere, inactive, active };
    struct Entry {
        std::uint64_t shadow = 0;  // age_ when it left, plus one; 0: none
        Where where = Where::nowhere;
        bool referenced = false;  // PG_referenced: was found accessed once on the inactive list
    };

    // inactive_is_low() in mm/vmscan.c: 1 below 1 GiB, then the square root of ten times the size in GiB.
    static std::uint32_t inactive_ratio(std::uint32_t frames) {
        constexpr unsigned frames_per_gib_shift = 18;
        const std::uint32_t gib = frames >> frames_per_gib_shift;
        return gib == 0 ? 1 : static_cast<std::uint32_t>(std::sqrt(10.0 * gib));
    }
    bool is_inactive_low() const { return std::uint64_t{inactive_.size()} * ratio_ < active_.size(); }
    // shrink_active_list(): from the end of the active list, used or not.
    void deactivate(std::uint32_t at_most) {
        for (; at_most > 0; --at_most) {
            const PageId page = first_evictable(active_, pages_);
            if (page == no_page) return;
            active_.erase(page);
            pages_.clear_accessed(page);
            entries_[page].where = Where::inactive;
            inactive_.push_back(page);
            if (!is_inactive_low()) return;
        }
    }
    // folio_check_references(): found accessed for the first time a page stays, for the second time it becomes active.
    PageId scan_inactive() {
        PageId page = first_evictable(inactive_, pages_);
        while (page != no_page) {
            Entry& entry = entries_[page];
            const bool was_referenced = entry.referenced;
            entry.referenced = false;
            if (!pages_.test_and_clear_accessed(page)) return page;
            if (was_referenced) {
                inactive_.erase(page);
                entry.where = Where::active;
                active_.push_back(page);
                ++age_;
            } else {
                entry.referenced = true;
                inactive_.move_to_back(page);
            }
            page = first_evictable(inactive_, pages_);
        }
        return no_page;
    }

    Pages& pages_;
    std::uint32_t batch_;
    std::uint32_t ratio_;
    std::uint64_t age_ = 0;  // evictions and activations: lruvec->nonresident_age
    PerPage<Entry> entries_;
    Links links_;
    PageList inactive_{links_};
    PageList active_{links_};
};

}  // namespace

const PolicyInfo& built_in::linux_two_lists() {
    static const PolicyInfo info{
        "linux-2list",
        "active and inactive list; a page that comes back soon after it left is active at once",
        "Linux, mm/vmscan.c and mm/workingset.c",
        Needs::accessed_bits,
        {{"batch", "pages moved from the active to the inactive list at one fault, at most", 32, 1, 1e6}},
        make<LinuxTwoLists>};
    return info;
}

}  // namespace fl::replacement
