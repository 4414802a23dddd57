#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

namespace fl::replacement {

namespace {

// At a fault that comes `threshold` or more after the last one, the pages that were not used in between leave. Where
// faults come faster, all stay and the resident set grows.
class PageFaultFrequency final : public Policy {
public:
    explicit PageFaultFrequency(const Setup& setup)
        : pages_(setup.pages), threshold_(static_cast<std::uint64_t>(setup.parameters[0])) {}

    void admit(PageId page, Access /*access*/) override { resident_.push_back(page); }
    void shrink(PageId /*incoming*/, std::vector<PageId>& out) override {
        const std::uint64_t now = pages_.time();
        const bool releases = now - last_fault_ >= threshold_;
        last_fault_ = now;
        PageId page = resident_.front();
        for (std::uint32_t left = resident_.size(); left > 0; --left) {
            const PageId following = resident_.next(page);
            if (pages_.evictable(page)) {
                if (pages_.test_and_clear_accessed(page)) {
                    resident_.move_to_back(page);
                } else if (releases) {
                    resident_.erase(page);
                    out.push_back(page);
                }
            }
            page = following == no_page ? page : following;
        }
    }
    // Where memory is smaller than what the threshold lets it grow to: a page that was not used before the last faults.
    PageId choose_victim(PageId /*incoming*/) override {
        const PageId victim = first_evictable(resident_, pages_);
        if (victim != no_page) resident_.erase(victim);
        return victim;
    }
    void forget(PageId page) override {
        if (links_.linked(page)) resident_.erase(page);
    }
    bool variable_allocation() const override { return true; }
    std::string state() const override {
        return std::to_string(resident_.size()) + " pages, last fault at " + std::to_string(last_fault_);
    }

private:
    Pages& pages_;
    std::uint64_t threshold_;
    std::uint64_t last_fault_ = 0;
    Links links_;
    PageList resident_{links_};  // at each fault, the pages used since the last one move to the back
};

}  // namespace

const PolicyInfo& built_in::pff() {
    static const PolicyInfo info{
        "pff",
        "at a fault long after the last one, the pages not used in between leave",
        "W. W. Chu, H. Opderbeck, The page fault frequency replacement algorithm, AFIPS Fall Joint Computer Conference "
        "1972",
        Needs::accessed_bits,
        {{"threshold", "time between faults that is long: references in a replay, nanoseconds in the machine", 10'000,
          1, 1e15}},
        make<PageFaultFrequency>};
    return info;
}

}  // namespace fl::replacement
