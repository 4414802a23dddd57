// Reclaimer: what is different for large pages. They are one page each to the policy, and leave as a whole, their
// frames written one by one (mm/vmscan.c, shrink_folio_list). Once split, each frame is a page of its own.
#include "mm/mm_struct.hpp"
#include "mm/reclaimer.hpp"

#include <algorithm>

namespace fl::mm {

using emu::large_page_frames;

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
    splits_for_policy_ = true;
    for_each_mapping(memory_, pfn, [](Vma& vma, VirtAddr address, emu::Pte& entry) {
        if (entry.is_large()) vma.mm().split_large_page(address);
    });
    splits_for_policy_ = false;
    ++memory_.huge_pages().counters.split_page;
}

// --- one number for 512 frames ---------------------------------------------------------------------------------------

void Reclaimer::on_large_page_allocated(Pfn first) {
    const PageId page = number_for(replacement::no_page);
    on_allocated(first, page);
    pages_[page].extent = Extent::large_page;
    frames_ += PageCount(large_page_frames - 1);
    peak_frames_ = std::max(peak_frames_, frames_);
}

Pfn Reclaimer::numbered_frame(Pfn pfn) const {
    const FrameTable& frames = memory_.frames();
    if (frames[pfn].page != 0 ? pages_[frames[pfn].page - 1].extent != Extent::part : !frames.is_mapped_large(pfn)) {
        return pfn;
    }
    return Pfn(pfn.value() & ~(large_page_frames - 1));
}

void Reclaimer::number_parts(Pfn first) {
    const PageId whole = memory_.frames()[first].page - 1;
    for (std::uint64_t i = 1; i < large_page_frames; ++i) {
        const Pfn pfn = first + i;
        if (memory_.frames()[pfn].page != 0) continue;
        const PageId page = number_for(replacement::no_page);
        Page& entry = pages_[page];
        entry.pfn = static_cast<std::uint32_t>(pfn.value());
        entry.pool = pages_[whole].pool;
        entry.extent = Extent::part;
        memory_.frames().set_page(pfn, page);
    }
}

void Reclaimer::break_up(Pfn first, Extent extent) {
    number_parts(first);
    const Page& whole = pages_[memory_.frames()[first].page - 1];
    for (std::uint64_t i = 1; i < large_page_frames; ++i) {
        Page& entry = pages_[memory_.frames()[first + i].page - 1];
        entry.extent = extent;
        entry.accessed = whole.accessed;
        entry.since_ns = whole.since_ns;
    }
    pages_[memory_.frames()[first].page - 1].extent = Extent::frame;
}

void Reclaimer::on_split(Pfn first) {
    const std::uint32_t number = memory_.frames()[first].page;
    if (number == 0 || pages_[number - 1].extent != Extent::large_page) return;
    break_up(first, Extent::split_off);
    if (pages_[number - 1].admitted) pool_for(number - 1).resident -= large_page_frames - 1;
    for (std::uint64_t i = 1; i < large_page_frames; ++i) {
        // It cannot be told in the middle of a question of its own.
        splits_for_policy_ ? pending_.push_back(first + i) : admit(first + i);
    }
}

// The policy has let go of it, and with it of all that it consists of.
bool Reclaimer::evict_large_page(PageId page, ReclaimReason reason) {
    const Pfn first(pages_[page].pfn);
    break_up(first, Extent::frame);
    split_large_mappings(first);
    for (std::uint64_t i = 1; i < large_page_frames; ++i) pages_[memory_.frames()[first + i].page - 1].admitted = true;
    bool any = false;
    for (std::uint64_t i = 0; i < large_page_frames; ++i) {
        const PageId part = memory_.frames()[first + i].page - 1;
        if (may_leave(part)) {
            any = evict(part, reason) || any;
        } else {
            pool_for(part).policy->admit(part, replacement::Access::write);
        }
    }
    return any;
}

}  // namespace fl::mm
