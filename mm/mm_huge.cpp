// MmStruct: large pages of anonymous memory: where one may be, how it is mapped, split and given up (mm/huge_memory.c).
//
// What works on a part of a large page splits it first. Its frames are pages like any others, each with references and
// mappings of its own, so that a split changes entries and no counts, and cannot fail: the table was kept for it.
#include "mm/mm_struct.hpp"

#include "mm/reclaimer.hpp"

#include <algorithm>

namespace fl::mm {

using emu::large_page_frames;
using emu::Pte;

Pte large_page_entry(const Vma& vma, Pfn first) {
    // mk_huge_pmd(), pmd_mkdirty(): of a read as well.
    const Pte pte = Pte::present_large(first, vma_access(vma.flags())).with_accessed().with_dirty();
    return vma.is_accessible() ? pte : pte.with_prot_none();
}

// --- where one may be ------------------------------------------------------------------------------------------------

// vma_thp_disabled()
bool MmStruct::thp_is_disabled(const Vma& vma) const {
    if (vma.flags().has(vm_nohugepage) || thp_disabled_ == ThpDisabled::yes) return true;
    return thp_disabled_ == ThpDisabled::unless_advised && !vma.flags().has(vm_hugepage);
}

bool MmStruct::allows_huge_page(const Vma& vma, VirtAddr address) const {
    const ThpMode mode = memory_.huge_pages().mode;
    if (mode == ThpMode::never || !vma.is_anonymous() || thp_is_disabled(vma)) return false;
    if (mode == ThpMode::madvise && !vma.flags().has(vm_hugepage)) return false;
    // Who answers faults is asked page by page.
    if (vma.userfault() != nullptr) return false;
    const VirtRange wanted = huge_page_range(address);
    return wanted.start >= vma.start() && wanted.end <= vma.end();
}

bool MmStruct::is_thp_eligible(const Vma& vma) const {
    if (vma.flags().has_any(vm_special) || vma.page_count().bytes() < huge_page_bytes) return false;
    return allows_huge_page(vma, vma.end() - huge_page_bytes);
}

// --- mapping one -----------------------------------------------------------------------------------------------------

void MmStruct::install_large(Pte* slot, Pte pte) {
    FL_ASSERT(pte.is_large() && slot->is_none());
    memory_.frames().add_large_mapping(pte.pfn(), slot);
    rss_.anonymous += PageCount(large_page_frames);
    *slot = pte;
    note_high_water();
}

void MmStruct::own_large_page(Pfn first, const Vma& vma, VirtAddr start) {
    FrameTable& frames = memory_.frames();
    const std::uint64_t index = vma.page_index(start);
    for (std::uint64_t i = 0; i < large_page_frames; ++i) {
        frames.set_anchor(first + i, RmapAnchor::of(*vma.anon_vma(), index + i));
        frames.set_anon_exclusive(first + i, true);
    }
}

bool MmStruct::is_sole_owner(Pte large) const {
    for (std::uint64_t i = 0; i < large_page_frames; ++i) {
        if (memory_.frames()[large.pfn() + i].reference_count != 1) return false;
    }
    return true;
}

// zap_huge_pmd()
void MmStruct::zap_large_page(Pte& slot) {
    const Pte old = std::exchange(slot, Pte::none());
    if (memory_.tlb_may_hold(old)) effects_.tlb_stale = true;
    rss_.anonymous -= PageCount(large_page_frames);
    if (old.accessed()) {
        // Who stays hears that it was touched.
        for (std::uint64_t i = 0; i < large_page_frames; ++i) memory_.frames().set_referenced(old.pfn() + i, true);
    }
    memory_.frames().drop_large_mapping(old.pfn());
    memory_.release_large_page(old.pfn());
    page_table_.drop_deposit();
}

// --- splitting -------------------------------------------------------------------------------------------------------

void MmStruct::split(Pte& large) {
    const Pfn first = large.pfn();
    Pte* entries = page_table_.split(large);
    memory_.frames().split_large_mapping(first, &large, entries);
    if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->on_split(first);
    ++memory_.huge_pages().counters.split_pmd;
}

void MmStruct::split_large_page(VirtAddr address) {
    Pte* slot = page_table_.find(address);
    if (slot != nullptr && slot->is_large()) split(*slot);
}

void MmStruct::split_large_pages(VirtRange range) {
    if (memory_.frames().large_page_count() == 0) return;
    page_table_.for_each_leaf_table(range, [this](VirtAddr start) { split_large_page(start); });
}

// Only those that reach beyond the range.
void MmStruct::split_large_pages_across(VirtRange range) {
    split_large_page_across(range.start);
    split_large_page_across(range.end);
}

// vma_adjust_trans_huge(): a mapping ends inside of no large page.
void MmStruct::split_large_page_across(VirtAddr boundary) {
    if (memory_.frames().large_page_count() == 0 || huge_page_aligned(boundary)) return;
    split_large_page(boundary);
}

}  // namespace fl::mm
