// FaultHandler: a page that comes back from swap (mm/memory.c, do_swap_page).
#include "mm/fault_handler.hpp"

namespace fl::mm {

using emu::Access;
using emu::Pte;

namespace {

// A page that is alone in its slot gives it up when it is written to, when it is to stay, or when slots run short
// (should_try_to_free_swap).
bool gives_up_slot(const SwapDevice& swap, const Vma& vma, bool write) {
    return write || vma.flags().has(vm_locked) || swap.is_nearly_full();
}

}  // namespace

FaultHandler::Resolution FaultHandler::swap_in_page(Vma& vma, const emu::PageFault& fault) {
    const VirtAddr page = fault.address.page_floor();
    Reclaimer& reclaimer = *memory_.reclaimer();
    Pte* slot = mm_->page_table().find(page);
    FL_ASSERT(slot != nullptr && slot->is_swapped());
    const auto reserved = mm_->reserve_anon_vma(vma);
    if (!reserved) return Resolution{FaultKind::oom};
    const auto found = reclaimer.swap_in(slot->slot());
    if (!found) return Resolution{found.error() == Errno::enomem ? FaultKind::oom : FaultKind::sigbus};
    const Pte old = *slot;
    const Pfn pfn = found->pfn;
    const bool write = fault.access == Access::write;

    memory_.add_reference(pfn);
    mm_->prepare_anon_vma(vma);
    emu::PteAccess access = vma_access(vma.flags());
    access.writable = false;
    Pte entry = Pte::present(pfn, access).with_accessed();
    if (old.is_write_protected()) entry = entry.with_write_protection();
    if (memory_.frames()[pfn].map_count == 0) {
        // What others may have too is looked for from the root of the family.
        AnonVma& family = old.is_exclusive() ? *vma.anon_vma() : vma.anon_vma()->root();
        memory_.frames().set_anchor(pfn, RmapAnchor::of(family, vma.page_index(page)));
    }
    mm_->install_swapped_in(slot, entry);
    if (gives_up_slot(*reclaimer.swap(), vma, write)) reclaimer.leave_swap_cache(pfn);
    // Nobody else has it where this entry is all that refers to it.
    if (old.is_exclusive() || memory_.frames()[pfn].reference_count == 1) {
        own_page(pfn, vma, page);
        const bool writable = vma.flags().has(vm_write) && !old.is_write_protected();
        if (writable) *slot = slot->with_writable();
    } else if (write && !old.is_write_protected()) {
        // The copy that the write needs is made at once (do_wp_page).
        Resolution copied = copy_page(FaultKind::swap_in, vma, page);
        copied.major = copied.major || found->was_read;
        copied.slot = old.slot();
        return copied;
    }
    return Resolution{.kind = FaultKind::swap_in, .major = found->was_read, .slot = old.slot()};
}

}  // namespace fl::mm
