// UserMemory: bringing pages in before they are touched: MAP_POPULATE, mlock, MADV_POPULATE_READ and _WRITE (mm/gup.c).
#include "mm/user_memory.hpp"

#include <algorithm>

namespace fl::mm {

// mm/gup.c, __mm_populate and populate_vma_page_range.
Result<void> UserMemory::populate(VirtRange range, Failures failures) {
    VirtAddr next = range.start;
    while (next < range.end) {
        const Vma* vma = mm_.vmas().find(next);
        if (vma == nullptr || vma->start() >= range.end) return {};
        const VirtRange part{std::max(next, vma->start()), std::min(range.end, vma->end())};
        next = part.end;
        const VmFlags flags = vma->flags();
        if (flags.has_any(vm_io | vm_pfnmap | vm_lockonfault)) continue;
        const bool write = flags.has(vm_write) && !flags.has(vm_shared);
        // Only memory without any right is out of reach.
        const auto done = vma->is_accessible() ? reach_all(part, write ? emu::Access::write : emu::Access::read)
                                               : Result<void>(fail(Errno::efault));
        if (!done && failures == Failures::stop) return done;
    }
    return {};
}

// mm/madvise.c, madvise_populate, and mm/gup.c, faultin_page_range.
Result<void> UserMemory::populate_for(VirtRange range, emu::Access access) {
    const VmFlags needed = access == emu::Access::write ? vm_write : vm_read;
    VirtAddr next = range.start;
    while (next < range.end) {
        const Vma* vma = mm_.vmas().find(next);
        if (vma == nullptr || vma->start() > next) return fail(Errno::enomem);
        if (vma->flags().has_any(vm_io | vm_pfnmap) || !vma->flags().has(needed)) return fail(Errno::einval);
        const VirtRange part{next, std::min(range.end, vma->end())};
        if (const auto done = reach_all(part, access); !done) return done;
        next = part.end;
    }
    return {};
}

Result<void> UserMemory::reach_all(VirtRange pages, emu::Access access) {
    for (VirtAddr at = pages.start.page_floor(); at < pages.end;) {
        if (const auto pfn = reach(at, access); !pfn) return fail(pfn.error());
        at = mm_.page_table().find(at)->is_large() ? huge_page_range(at).end : at + page_size;
    }
    return {};
}

}  // namespace fl::mm
