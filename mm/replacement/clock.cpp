#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

namespace fl::replacement {

namespace {

class Clock final : public Policy {
public:
    explicit Clock(const Setup& setup) : pages_(setup.pages), counts_load_(setup.parameters[0] != 0) {}

    void admit(PageId page, Access /*access*/) override {
        ring_.insert(page);
        if (!counts_load_) pages_.clear_accessed(page);
    }
    PageId choose_victim(PageId /*incoming*/) override {
        // One round clears bits, the second meets a page whose bit is clear, unless all are pinned.
        for (std::uint64_t step = 0; step < 2 * std::uint64_t{ring_.size()}; ++step) {
            const PageId page = ring_.hand();
            if (pages_.evictable(page) && !pages_.test_and_clear_accessed(page)) {
                ring_.erase(page);
                return page;
            }
            ring_.advance();
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
    bool counts_load_;
    Ring ring_;
};

}  // namespace

const PolicyInfo& built_in::clock() {
    static const PolicyInfo info{
        "clock",
        "a hand goes round, clears accessed bits and takes the first page that has none",
        "F. J. Corbato, A paging experiment with the Multics system, MIT Project MAC report MAC-M-384, 1968",
        Needs::accessed_bits,
        {accessed_on_load(1)},
        make<Clock>};
    return info;
}

}  // namespace fl::replacement
