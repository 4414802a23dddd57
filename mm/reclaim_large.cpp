// Reclaimer: what is different for large pages. Each of their frames is a page of its own; one that is to be looked at,
// written or taken by itself has its large page split first (mm/vmscan.c, shrink_folio_list).
#include "mm/mm_struct.hpp"
#include "mm/reclaimer.hpp"

namespace fl::mm {

void Reclaimer::wake_kswapd_at(PageCount free) {
    if (!options_.kswapd || kswapd_awake_ || free > watermarks_.low) return;
    kswapd_awake_ = true;
    if (options_.wake_kswapd) options_.wake_kswapd();
}

bool Reclaimer::make_room_for_block(PageCount pages) {
    settle();
    let_go();
    const PageCount free = free_frames(true);
    if (free < watermarks_.min + pages) return false;
    wake_kswapd_at(free - pages);
    return true;
}

// What the bits of the entries say, a sample has taken over; without samples these are all there is.
bool Reclaimer::is_young(Pfn pfn) const {
    const Frame& frame = memory_.frames()[pfn];
    return history_.interval_ns != 0 && frame.page != 0 && pages_[frame.page - 1].accessed;
}

void Reclaimer::split_large_mappings(Pfn pfn) {
    if (!memory_.frames().is_mapped_large(pfn)) return;
    for_each_mapping(memory_, pfn, [](Vma& vma, VirtAddr address, emu::Pte& entry) {
        if (entry.is_large()) vma.mm().split_large_page(address);
    });
    ++memory_.huge_pages().counters.split_page;
}

}  // namespace fl::mm
