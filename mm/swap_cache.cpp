// Reclaimer: pages that have both a frame and a swap slot, and how they come by the one or lose the other
// (mm/swap_state.c, mm/swapfile.c).
#include "mm/reclaimer.hpp"

#include "mm/mm_struct.hpp"

namespace fl::mm {

Result<Reclaimer::SwappedIn> Reclaimer::swap_in(SwapSlot slot) {
    if (const auto pfn = swap_->frame(slot)) return SwappedIn{*pfn, false};
    const auto pfn = memory_.allocate(FrameState::anonymous, Fill::caller, {.known = swap_->page_id(slot)});
    if (!pfn) return fail(pfn.error());
    if (const auto done = swap_->read(slot, memory_.ram().frame(*pfn)); !done) {
        memory_.release(*pfn);
        return fail(done.error());
    }
    // The one reference is the swap cache's from here on.
    swap_->tie(slot, *pfn);
    memory_.frames().set_slot(*pfn, slot);
    return SwappedIn{*pfn, true};
}

void Reclaimer::leave_swap_cache(Pfn pfn) {
    const Frame& frame = memory_.frames()[pfn];
    const auto slot = frame.swap_slot();
    if (!slot || swap_->references(*slot) > 0) return;
    memory_.frames().clear_slot(pfn);
    memory_.frames().set_dirty(pfn, true);
    (void)swap_->untie(*slot);
    pages_[frame.page - 1].swapped = false;
    if (frame.state == FrameState::anonymous) memory_.release(pfn);
}

void Reclaimer::drop_slot(SwapSlot slot) {
    const PageId page = swap_->page_id(slot);
    const auto frame = swap_->frame(slot);
    if (swap_->drop_reference(slot) > 0) return;
    if (!frame) {
        pages_[page].swapped = false;
        forget_if_gone(page);
    } else if (memory_.frames()[*frame].map_count == 0) {
        leave_swap_cache(*frame);
    }
}

}  // namespace fl::mm
