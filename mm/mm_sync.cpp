// MmStruct: mincore and msync: what is in memory, and bringing it to its file (mm/mincore.c, mm/msync.c).
#include "mm/mm_struct.hpp"

#include "mm/reclaimer.hpp"

#include <algorithm>

namespace fl::mm {

using emu::Pte;

Result<PageCount> MmStruct::mincore(VirtAddr start, std::span<std::byte> pages) const {
    const Vma* vma = vmas_.find(start);
    if (vma == nullptr || vma->start() > start) return fail(Errno::enomem);
    const VirtAddr end = std::min(vma->end(), start + PageCount(pages.size()).bytes());
    const VirtRange range{start, end};
    const auto answer = pages.first(range.page_count().value());
    // Of what is not the program's own, it is not told.
    if (vma->is_special()) {
        std::ranges::fill(answer, std::byte{1});
        return range.page_count();
    }
    for (std::size_t i = 0; i < answer.size(); ++i) {
        const bool cached = vma->file() != nullptr && vma->file()->cached(vma->page_index(start + i * page_size));
        answer[i] = static_cast<std::byte>(cached);
    }
    page_table_.for_each_page(range, [&](VirtAddr at, const Pte& pte) {
        if (pte.is_marker()) return;
        // In swap it counts where it is in memory as well (the swap cache).
        const bool in_memory = !pte.is_swapped() || memory_.reclaimer()->swap()->frame(pte.slot()).has_value();
        answer[(at - start) >> page_shift] = static_cast<std::byte>(in_memory);
    });
    return range.page_count();
}

Result<void> MmStruct::sync(VirtAddr start, std::uint64_t length_bytes, std::uint64_t flags) {
    if ((flags & ~(ms_async | ms_invalidate | ms_sync)) != 0 || !start.page_aligned()) return fail(Errno::einval);
    if ((flags & ms_async) != 0 && (flags & ms_sync) != 0) return fail(Errno::einval);
    const auto end = start.checked_add((length_bytes + page_mask) & ~page_mask);
    if (!end) return fail(Errno::enomem);
    bool saw_hole = false;
    while (start < *end) {
        const Vma* vma = vmas_.find(start);
        if (vma == nullptr) return fail(Errno::enomem);
        if (vma->start() > start) {
            if (flags == ms_async || vma->start() >= *end) return fail(Errno::enomem);
            saw_hole = true;
            start = vma->start();
        }
        if ((flags & ms_invalidate) != 0 && vma->flags().has(vm_locked)) return fail(Errno::ebusy);
        if ((flags & ms_sync) != 0 && vma->file() != nullptr && vma->is_shared()) {
            const VirtRange part{start, std::min(*end, vma->end())};
            if (const auto done = vma->file()->write_back(vma->page_index(part.start), part.page_count()); !done) {
                return done;
            }
        }
        start = vma->end();
    }
    if (saw_hole) return fail(Errno::enomem);
    return {};
}

}  // namespace fl::mm
