// MmStruct: mseal: mappings that stay as they are (mm/mseal.c). What would change them asks has_sealed() first.
#include "mm/mm_struct.hpp"

#include <algorithm>

namespace fl::mm {

Result<void> MmStruct::seal(VirtAddr start, std::uint64_t length_bytes) {
    if (!start.page_aligned()) return fail(Errno::einval);
    const std::uint64_t size_bytes = (length_bytes + page_mask) & ~page_mask;
    if (length_bytes != 0 && size_bytes == 0) return fail(Errno::einval);
    const auto end = start.checked_add(size_bytes);
    if (!end) return fail(Errno::einval);
    if (size_bytes == 0) return {};
    // Every page belongs to a mapping (range_contains_unmapped).
    for (VirtAddr at = start; at < *end;) {
        const Vma* vma = vma_at(at);
        if (vma == nullptr) return fail(Errno::enomem);
        at = vma->end();
    }
    for (VirtAddr at = start; at < *end;) {
        Vma& vma = *vma_at(at);
        const VirtRange part{at, std::min(vma.end(), *end)};
        at = part.end;
        if (const auto sealed = change_flags(vma, part, vma.flags() | vm_sealed); !sealed) return fail(sealed.error());
    }
    return {};
}

bool MmStruct::has_sealed(VirtRange range) const {
    for (const Vma* vma = vmas_.find(range.start); vma != nullptr && vma->start() < range.end; vma = vma->next()) {
        if (vma->flags().has(vm_sealed)) return true;
    }
    return false;
}

}  // namespace fl::mm
