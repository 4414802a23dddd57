// FaultHandler: large pages of anonymous memory (mm/huge_memory.c, do_huge_pmd_anonymous_page and do_huge_pmd_wp_page).
#include "mm/fault_handler.hpp"
#include "mm/huge_allocation.hpp"

namespace fl::mm {

using emu::Pte;

// A read gets one of its own as well: there is no large page of zeroes (use_zero_page = 0).
std::optional<FaultHandler::Resolution> FaultHandler::map_huge_page(FaultKind kind, Vma& vma, VirtAddr address) {
    if (!mm_->allows_huge_page(vma, address)) return std::nullopt;
    const auto slot = mm_->page_table().ensure_upper(address);
    if (!slot) return Resolution{FaultKind::oom};
    // A table there means that pages of 4 KiB are, or were.
    if (!(*slot)->is_none()) return std::nullopt;
    HugePages& huge_pages = memory_.huge_pages();
    const auto reserved = mm_->reserve_anon_vma(vma);
    if (!reserved) return Resolution{FaultKind::oom};
    const auto first = allocate_large_page(memory_, huge_effort_of_fault(huge_pages.defrag, vma));
    if (!first) {
        ++huge_pages.counters.fault_fallback;
        return std::nullopt;
    }
    if (!mm_->page_table().deposit()) {
        memory_.release_large_page(*first);
        return Resolution{FaultKind::oom};
    }
    mm_->prepare_anon_vma(vma);
    mm_->own_large_page(*first, vma, huge_page_floor(address));
    if (vma.flags().has(vm_droppable)) {
        for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) memory_.frames().set_lazy_free(*first + i, true);
    }
    mm_->install_large(*slot, large_page_entry(vma, *first));
    ++huge_pages.counters.fault_alloc;
    return Resolution{kind == FaultKind::zero_page ? FaultKind::demand_zero : kind};
}

// Written to as a whole where nobody else has any part of it; else it is split, and the page looked at by itself.
bool FaultHandler::reuse_huge_page(Pte& slot, Vma& vma, VirtAddr page) {
    if (!mm_->is_sole_owner(slot)) return false;
    const auto reserved = mm_->reserve_anon_vma(vma);
    if (!reserved) return false;
    mm_->prepare_anon_vma(vma);
    mm_->own_large_page(slot.pfn(), vma, huge_page_floor(page));
    slot = slot.with_access(vma_access(vma.flags()));
    return true;
}

}  // namespace fl::mm
