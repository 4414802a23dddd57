#include "mm/replacement/built_in.hpp"
#include "mm/replacement/late_hits.hpp"
#include "mm/replacement/page_list.hpp"

namespace fl::replacement {

namespace {

// Resident after each reference: the pages of the last `window` references.
class WorkingSet final : public Policy, public LateHits {
public:
    explicit WorkingSet(const Setup& setup)
        : pages_(setup.pages), window_(static_cast<std::uint64_t>(setup.parameters[0])) {}

    void admit(PageId page, Access /*access*/) override {
        by_use_.push_back(page);
        last_use_[page] = pages_.time();
    }
    void reference(PageId page, Access /*access*/, std::uint32_t /*count*/) override {
        by_use_.move_to_back(page);
        last_use_[page] = pages_.time();
    }
    // The page that comes now may have been used `window` references before; of the others one less is looked back, as
    // this reference is one of the window.
    void shrink(PageId incoming, std::vector<PageId>& out) override {
        PageId page = by_use_.front();
        while (page != no_page && pages_.time() - last_use_[page] >= window_) {
            const PageId following = by_use_.next(page);
            const bool is_outside = page != incoming || pages_.time() - last_use_[page] > window_;
            if (is_outside && pages_.evictable(page)) {
                by_use_.erase(page);
                out.push_back(page);
            }
            page = following;
        }
    }
    std::uint64_t quiet_until() const override {
        return by_use_.empty() ? 0 : last_use_.get(by_use_.front()) + window_;
    }
    // Where memory is smaller than the working set.
    PageId choose_victim(PageId /*incoming*/) override {
        const PageId victim = first_evictable(by_use_, pages_);
        if (victim != no_page) by_use_.erase(victim);
        return victim;
    }
    void forget(PageId page) override {
        if (links_.linked(page)) by_use_.erase(page);
    }
    bool variable_allocation() const override { return true; }
    std::string state() const override { return "working set of " + std::to_string(by_use_.size()); }
    std::string describe(PageId page) const override {
        return links_.linked(page) ? "last use at " + std::to_string(last_use_.get(page)) : std::string();
    }

private:
    Pages& pages_;
    std::uint64_t window_;
    PerPage<std::uint64_t> last_use_;
    Links links_;
    PageList by_use_{links_};
};

}  // namespace

const PolicyInfo& built_in::working_set() {
    static const PolicyInfo info{
        "working-set",
        "a page leaves when it was not used within the window, whether or not a frame is needed",
        "P. J. Denning, The working set model for program behavior, Communications of the ACM 11(5), 1968",
        Needs::every_reference,
        {{"window", "references in a replay, nanoseconds in the machine", 100'000, 1, 1e15}},
        make<WorkingSet>};
    return info;
}

}  // namespace fl::replacement
