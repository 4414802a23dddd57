// MmStruct: pages that are looked at as old, given up, or put out (mm/madvise.c, mm/vmscan.c, reclaim_pages).
#include "mm/mm_struct.hpp"

#include "mm/reclaimer.hpp"

namespace fl::mm {

using emu::Pte;

// What others map as well is theirs to use; the kernel's own pages are on no list.
bool MmStruct::is_reclaimable(Pte pte) const {
    if (!pte.is_resident()) return false;
    const Frame& frame = memory_.frames()[pte.pfn()];
    switch (frame.state) {
        case FrameState::anonymous:
        case FrameState::file_cache:
        case FrameState::shared_memory: return frame.map_count == 1;
        default: return false;
    }
}

void MmStruct::make_pages_old(VirtRange part) {
    split_large_pages(part);
    page_table_.for_each(part, [&](VirtAddr, Pte& slot) {
        if (!is_reclaimable(slot)) return;
        if (memory_.tlb_may_hold(slot)) effects_.tlb_stale = true;
        slot = slot.without_accessed();
    });
}

// madvise_free_pte_range(): pages that may be dropped unless they are written to again. What is in swap goes at once.
void MmStruct::mark_lazy_free(VirtRange part) {
    split_large_pages(part);
    page_table_.for_each(part, [&](VirtAddr, Pte& slot) {
        if (slot.is_swapped()) {
            const Pte old = std::exchange(slot, Pte::none());
            forget_entry(old);
            return;
        }
        if (!slot.is_resident() || memory_.frames()[slot.pfn()].state != FrameState::anonymous) return;
        const Frame& frame = memory_.frames()[slot.pfn()];
        if (frame.slot != 0 || frame.dirty) {
            // Others may count on the copy in swap, or on the page itself.
            if (frame.map_count != 1) return;
            if (frame.slot != 0) memory_.reclaimer()->leave_swap_cache(slot.pfn());
            if (frame.slot != 0) return;
        }
        if (memory_.tlb_may_hold(slot)) effects_.tlb_stale = true;
        slot = slot.without_accessed().without_dirty();
        memory_.frames().set_lazy_free(slot.pfn(), true);
        memory_.frames().set_dirty(slot.pfn(), false);
    });
}

// Pages of a file leave the address space, and the cache too where nothing was written to them; what was given up with
// MADV_FREE goes. What cannot go does not look older either.
void MmStruct::page_out(const Vma& vma, VirtRange part) {
    split_large_pages(part);
    page_table_.for_each(part, [&](VirtAddr address, Pte& slot) {
        const Pte old = slot;
        if (!is_reclaimable(old)) return;
        const Frame& frame = memory_.frames()[old.pfn()];
        if (memory_.reclaimer() != nullptr) {
            if (memory_.reclaimer()->page_out(old.pfn())) return;
            // Shared memory is unmapped before it shows that swap does not take it.
            if (frame.state != FrameState::shared_memory) return;
        }
        if (frame.left_locked) return;
        if (frame.state == FrameState::anonymous) {
            if (!frame.lazy_free || frame.reference_count > 1) return;
            if (old.dirty() && !vma.flags().has(vm_droppable)) {
                memory_.frames().set_lazy_free(old.pfn(), false);
                return;
            }
        } else if (vma.file()->kind() == FileKind::memory) {
            return;
        }
        const bool of_file = frame.state != FrameState::anonymous;
        slot = of_file && old.is_write_protected() ? Pte::write_protected() : Pte::none();
        forget_page(old);
        if (of_file) vma.file()->drop_clean_page(vma.page_index(address));
    });
}

// fs/proc/task_mmu.c, clear_refs_pte_range.
void MmStruct::clear_references(Pages which) {
    for (const Vma* vma = vmas_.first(); vma != nullptr; vma = vma->next()) {
        if (vma->flags().has(vm_pfnmap)) continue;
        if (which == Pages::anonymous && vma->file() != nullptr) continue;
        if (which == Pages::of_files && vma->file() == nullptr) continue;
        page_table_.for_each_entry(vma->range(), [this](VirtAddr, Pte& slot) {
            if (!slot.is_present() || !memory_.counts_mappings(slot.pfn())) return;
            if (memory_.tlb_may_hold(slot)) effects_.tlb_stale = true;
            slot = slot.without_accessed();
        });
    }
}

void MmStruct::reap() {
    for (const Vma* vma = vmas_.first(); vma != nullptr; vma = vma->next()) {
        if (vma->flags().has(vm_pfnmap) || vma->is_shared()) continue;
        zap(*vma, vma->range(), Guards::drop);
    }
}

}  // namespace fl::mm
