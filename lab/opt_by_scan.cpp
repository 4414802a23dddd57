#include "lab/opt_by_scan.hpp"

#include <algorithm>
#include <utility>

namespace fl::lab {

void NextUses::look_up(PageId page, Page& known) const {
    const std::span<const std::uint32_t> all = string_.occurrences().of(page);
    known.place = count_below(all, static_cast<std::uint32_t>(run_ + 1), known.place);
    // What ends before it is used is not used.
    const bool is_used = known.place < all.size() && !string_.string()[all[known.place]].is_gone();
    known.next = is_used ? all[known.place] : static_cast<std::uint32_t>(string_.string().size());
}

PageId OptByScan::choose_victim(PageId /*incoming*/) {
    if (resident_.empty()) return replacement::no_page;
    std::size_t farthest = 0;
    std::pair<std::uint32_t, PageId> farthest_use{0, 0};
    for (std::size_t i = 0; i < resident_.size(); ++i) {
        const std::pair use{next_uses_.of(resident_[i]), resident_[i]};
        if (use <= farthest_use) continue;
        farthest = i;
        farthest_use = use;
    }
    const PageId victim = resident_[farthest];
    resident_[farthest] = resident_.back();
    resident_.pop_back();
    return victim;
}

void OptByScan::forget(PageId page) {
    std::erase(resident_, page);
    next_uses_.forget(page);
}

}  // namespace fl::lab
