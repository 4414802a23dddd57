// MmStruct: 4 KiB pages are gathered in a large one, on advice (MADV_COLLAPSE) or by khugepaged (mm/khugepaged.c).
#include "mm/huge_allocation.hpp"
#include "mm/migrate.hpp"
#include "mm/mm_struct.hpp"
#include "mm/reclaimer.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace fl::mm {

using emu::large_page_frames;
using emu::Pte;

namespace {

VirtAddr huge_page_ceil(VirtAddr address) { return huge_page_floor(address + (huge_page_bytes - 1)); }

bool holds_huge_page(VirtRange range) { return huge_page_ceil(range.start) + huge_page_bytes <= range.end; }

}  // namespace

// madvise_collapse(), madvise_collapse_errno(). As on Linux it does not matter whether large pages are on. Pages of
// shared memory have none here: a range that could hold one finds none free.
Result<void> MmStruct::collapse(Vma& vma, VirtRange part) {
    const bool is_shared_memory = vma.file() != nullptr && vma.file()->kind() == FileKind::shared_memory;
    const bool could_be_huge = is_shared_memory || (vma.is_anonymous() && vma.anon_vma() != nullptr);
    const bool is_disabled = vma.flags().has(vm_nohugepage) || thp_disabled_ == ThpDisabled::yes;
    if (!could_be_huge || vma.flags().has_any(vm_special) || is_disabled || !holds_huge_page(vma.range())) {
        return fail(Errno::einval);
    }
    const VirtAddr first = huge_page_ceil(part.start), end = huge_page_floor(part.end);
    // Linux counts what lies in between without a sign: of a part within one large page not even none was gathered.
    if (first >= end) return first == end ? Result<void>{} : fail(Errno::einval);
    if (is_shared_memory) {
        bool any = false;
        page_table_.for_each_page(huge_page_range(first), [&](VirtAddr, const Pte&) { any = true; });
        return fail(any ? Errno::enomem : Errno::einval);
    }
    Result<void> outcome;
    for (VirtAddr start = first; start + huge_page_bytes <= part.end; start = start + huge_page_bytes) {
        switch (collapse_one(vma, start, CollapseBy::advice)) {
            case Collapse::done:
            case Collapse::is_large: break;
            case Collapse::unfit:
            case Collapse::nothing_there: outcome = fail(Errno::einval); break;
            case Collapse::busy: outcome = fail(Errno::eagain); break;
            case Collapse::refused: return fail(Errno::einval);
            case Collapse::no_memory: return fail(Errno::enomem);
        }
    }
    return outcome;
}

// thp_vma_allowable_order(), asked by khugepaged: who has no private page yet has nothing to gather.
bool MmStruct::is_khugepaged_candidate(const Vma& vma) const {
    return vma.anon_vma() != nullptr && is_thp_eligible(vma);
}

MmStruct::Collapse MmStruct::khugepaged_collapse(Vma& vma, VirtAddr start) {
    return collapse_one(vma, start, CollapseBy::khugepaged);
}

bool MmStruct::is_young(Pte pte) const {
    if (pte.accessed() || memory_.frames()[pte.pfn()].referenced) return true;
    return memory_.reclaimer() != nullptr && memory_.reclaimer()->is_young(pte.pfn());
}

// hpage_collapse_scan_pmd(): Collapse::done, or why it is not to be. Limits, and who uses the pages, are khugepaged's
// affair alone.
MmStruct::Collapse MmStruct::examine_place(const Vma& vma, const Pte* entries, CollapseBy by) const {
    Khugepaged& limits = memory_.huge_pages().khugepaged;
    const bool is_limited = by == CollapseBy::khugepaged;
    const auto exceeds = [is_limited](std::uint32_t& count, std::uint32_t most, std::uint64_t& events) {
        if (++count <= most || !is_limited) return false;
        ++events;
        return true;
    };
    std::uint32_t none = 0, swapped = 0, shared = 0, young = 0;
    bool has_guard = false;
    for (const Pte& pte : std::span(entries, large_page_frames)) {
        if (pte.is_write_protected() || vma.userfault() != nullptr) return Collapse::nothing_there;
        if (pte.is_none() || (pte.is_resident() && pte.pfn() == memory_.zero_page())) {
            if (exceeds(none, limits.max_ptes_none, limits.scan_exceed_none)) return Collapse::unfit;
        } else if (!pte.is_resident()) {
            has_guard = has_guard || pte.is_marker();
            if (exceeds(swapped, limits.max_ptes_swap, limits.scan_exceed_swap)) return Collapse::unfit;
        } else {
            const bool is_shared = memory_.frames()[pte.pfn()].map_count > 1;
            if (is_shared && exceeds(shared, limits.max_ptes_shared, limits.scan_exceed_shared)) {
                return Collapse::unfit;
            }
            if (is_pinned(memory_, pte.pfn())) return Collapse::busy;
            if (is_young(pte)) ++young;
        }
    }
    if (is_limited && (young == 0 || (swapped > 0 && young < large_page_frames / 2))) return Collapse::unfit;
    return has_guard ? Collapse::refused : Collapse::done;
}

// collapse_huge_page().
MmStruct::Collapse MmStruct::collapse_one(Vma& vma, VirtAddr start, CollapseBy by) {
    Pte* upper = page_table_.find_upper(start);
    if (upper == nullptr || upper->is_none()) return Collapse::nothing_there;
    if (upper->is_large()) return Collapse::is_large;
    const VirtRange range = huge_page_range(start);
    const Collapse fitness = examine_place(vma, page_table_.find(start), by);
    if (fitness != Collapse::done) return fitness;

    HugePageCounters& counters = memory_.huge_pages().counters;
    const bool may_compact = by == CollapseBy::advice || memory_.huge_pages().khugepaged.defrag;
    const auto first = allocate_large_page(memory_, may_compact ? HugeEffort::compact : HugeEffort::take);
    ++(first ? counters.collapse_alloc : counters.collapse_alloc_failed);
    if (!first) return Collapse::no_memory;
    if (const auto gathered = gather_pages(*first, start); !gathered) {
        memory_.release_large_page(*first);
        return gathered.error() == Errno::enomem ? Collapse::no_memory : Collapse::refused;
    }
    // Nothing fails from here on.
    page_table_.for_each(range, [this](VirtAddr, Pte& slot) { forget_entry(std::exchange(slot, Pte::none())); });
    page_table_.take_table(*upper);
    own_large_page(*first, vma, start);
    for (std::uint64_t i = 0; i < large_page_frames; ++i) {
        memory_.frames().set_lazy_free(*first + i, vma.flags().has(vm_droppable));
    }
    install_large(upper, large_page_entry(vma, *first));
    return Collapse::done;
}

// Copies what the entries lead to. A page that is read from swap may send another one there, which is read in its turn.
Result<void> MmStruct::gather_pages(Pfn first, VirtAddr start) {
    for (std::uint64_t i = 0; i < large_page_frames; ++i) {
        const Pte pte = page_table_.page_at(start + i * page_size);
        if (pte.is_none() || (pte.is_resident() && pte.pfn() == memory_.zero_page())) continue;
        Pfn source;
        if (pte.is_swapped()) {
            const auto read = memory_.reclaimer()->swap_in(pte.slot());
            if (!read) return fail(read.error());
            source = read->pfn;
        } else {
            source = pte.pfn();
        }
        const auto bytes = memory_.ram().frame(source);
        memory_.ram().note_kernel_store(first + i);
        std::memcpy(memory_.ram().frame(first + i).data(), bytes.data(), bytes.size());
    }
    return {};
}

}  // namespace fl::mm
