// OptByScan: Belady's OPT that looks at each resident page to find the victim: for small memories, where that is
// quicker than Opt's heaps. The same victims.
#pragma once

#include "lab/prepared_string.hpp"
#include "mm/replacement/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::lab {

// The next use of each page, kept for all who ask while one run is played, and until it has passed.
class NextUses {
public:
    // `run`, the run that is being played, never goes back. Both outlive it.
    NextUses(const PreparedString& string, const std::size_t& run) : string_(string), run_(run) {}

    // The run of the page's next use after the present run; the length of the string: none.
    std::uint32_t of(PageId page) {
        if (page >= pages_.size()) pages_.resize(string_.page_limit());
        Page& known = pages_[page];
        if (known.next <= run_) look_up(page, known);
        return known.next;
    }

    // The page is no more; its number may come to mean another.
    void forget(PageId page) {
        if (page < pages_.size()) pages_[page].next = 0;
    }

private:
    struct Page {
        std::uint32_t next = 0;
        std::uint32_t place = 0;  // how many of its occurrences are over
    };
    void look_up(PageId page, Page& known) const;

    const PreparedString& string_;
    const std::size_t& run_;
    std::vector<Page> pages_;
};

class OptByScan final : public replacement::Policy {
public:
    explicit OptByScan(NextUses& next_uses) : next_uses_(next_uses) {}

    void admit(PageId page, Access /*access*/) override { resident_.push_back(page); }
    PageId choose_victim(PageId incoming) override;
    void forget(PageId page) override;

private:
    NextUses& next_uses_;
    std::vector<PageId> resident_;
};

}  // namespace fl::lab
