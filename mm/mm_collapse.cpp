// MmStruct: MADV_COLLAPSE, which gathers 4 KiB pages in a large one (mm/khugepaged.c, madvise_collapse).
#include "mm/mm_struct.hpp"

#include "mm/reclaimer.hpp"

#include <algorithm>
#include <cstring>

namespace fl::mm {

using emu::large_page_frames;
using emu::Pte;

namespace {

VirtAddr huge_page_ceil(VirtAddr address) { return huge_page_floor(address + (huge_page_bytes - 1)); }

bool holds_huge_page(VirtRange range) { return huge_page_ceil(range.start) + huge_page_bytes <= range.end; }

}  // namespace

// As on Linux it does not matter whether large pages are on. Pages of shared memory have none here: a range that could
// hold one finds none free.
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
        switch (collapse_one(vma, start)) {
            case Collapse::done: break;
            case Collapse::nothing_there: outcome = fail(Errno::einval); break;
            case Collapse::refused: return fail(Errno::einval);
            case Collapse::no_memory: return fail(Errno::enomem);
        }
    }
    return outcome;
}

// hpage_collapse_scan_pmd() and collapse_huge_page().
MmStruct::Collapse MmStruct::collapse_one(Vma& vma, VirtAddr start) {
    Pte* upper = page_table_.find_upper(start);
    if (upper == nullptr || upper->is_none()) return Collapse::nothing_there;
    if (upper->is_large()) return Collapse::done;
    const VirtRange range = huge_page_range(start);
    bool is_protected = false, has_marker = false;
    page_table_.for_each(range, [&](VirtAddr, const Pte& pte) {
        is_protected = is_protected || pte.is_write_protected();
        has_marker = has_marker || pte.is_marker();
    });
    if (is_protected || vma.userfault() != nullptr) return Collapse::nothing_there;
    if (has_marker) return Collapse::refused;

    HugePageCounters& counters = memory_.huge_pages().counters;
    const auto first = memory_.allocate_large_page(Fill::zeroed);
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
        std::memcpy(memory_.ram().frame(first + i).data(), bytes.data(), bytes.size());
    }
    return {};
}

}  // namespace fl::mm
