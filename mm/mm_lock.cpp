// MmStruct: mlock, munlock, mlockall: which VMAs stay in memory (mm/mlock.c).
#include "mm/mm_struct.hpp"

#include <algorithm>

namespace fl::mm {

bool MmStruct::may_lock() const { return limits_.privilege == Privilege::root || limits_.locked_bytes != 0; }

bool MmStruct::may_lock_more(VmFlags flags, PageCount pages) const {
    if (!flags.has(vm_locked) || limits_.privilege == Privilege::root) return true;
    return (vm_.locked + pages).value() <= limits_.locked_bytes >> page_shift;
}

Result<void> MmStruct::lock(VirtAddr start, std::uint64_t length_bytes, VmFlags lock_flags) {
    if (!may_lock()) return fail(Errno::eperm);
    const PageCount pages = PageCount((length_bytes + start.page_offset() + page_mask) >> page_shift);
    if (limits_.privilege == Privilege::none) {
        const std::uint64_t limit = limits_.locked_bytes >> page_shift;
        PageCount locked = vm_.locked + pages;
        // What is locked already counts once.
        if (locked.value() > limit) locked -= locked_pages_in(start.page_floor(), pages);
        if (locked.value() > limit) return fail(Errno::enomem);
    }
    return apply_lock_flags(start, length_bytes, vm_locked | lock_flags);
}

// mm/mlock.c, count_mm_mlocked_page_nr.
PageCount MmStruct::locked_pages_in(VirtAddr start, PageCount pages) const {
    const VirtAddr end = start.checked_add(pages.bytes()).value_or(task_size);
    PageCount locked;
    for (const Vma* vma = vmas_.find(start); vma != nullptr && vma->start() < end; vma = vma->next()) {
        if (!vma->flags().has(vm_locked)) continue;
        locked += VirtRange{std::max(vma->start(), start), std::min(vma->end(), end)}.page_count();
    }
    return locked;
}

Result<void> MmStruct::unlock(VirtAddr start, std::uint64_t length_bytes) {
    return apply_lock_flags(start, length_bytes, VmFlags());
}

// As on Linux, the VMAs before a hole are changed when the call fails, and a length that wraps to nothing is nothing.
Result<void> MmStruct::apply_lock_flags(VirtAddr wanted_start, std::uint64_t length_bytes, VmFlags lock_flags) {
    const std::uint64_t rounded = (length_bytes + wanted_start.page_offset() + page_mask) & ~page_mask;
    VirtAddr start = wanted_start.page_floor();
    const auto end = start.checked_add(rounded);
    if (!end) return fail(Errno::einval);
    while (start < *end) {
        Vma* vma = vmas_.find(start);
        if (vma == nullptr || vma->start() > start) return fail(Errno::enomem);
        const VirtRange part{start, std::min(*end, vma->end())};
        if (const auto locked = lock_part(*vma, part, lock_flags); !locked) return fail(locked.error());
        start = part.end;
    }
    return {};
}

Result<Vma*> MmStruct::lock_part(Vma& vma, VirtRange range, VmFlags lock_flags) {
    if (vma.flags().has_any(vm_special | vm_droppable)) return &vma;
    return change_flags(vma, range, (vma.flags() & ~vm_locked_mask) | lock_flags);
}

Result<void> MmStruct::lock_all(std::uint64_t flags) {
    constexpr std::uint64_t known = mcl_current | mcl_future | mcl_onfault;
    if (flags == 0 || (flags & ~known) != 0 || flags == mcl_onfault) return fail(Errno::einval);
    if (!may_lock()) return fail(Errno::eperm);
    const bool current = (flags & mcl_current) != 0;
    if (current && limits_.privilege == Privilege::none && vm_.total.value() > limits_.locked_bytes >> page_shift) {
        return fail(Errno::enomem);
    }
    const VmFlags lock_flags = (flags & mcl_onfault) != 0 ? vm_locked_mask : vm_locked;
    def_flags_ = def_flags_ & ~vm_locked_mask;
    if ((flags & mcl_future) != 0) def_flags_ = def_flags_ | lock_flags;
    if (current) apply_lock_flags_everywhere(lock_flags);
    return {};
}

void MmStruct::unlock_all() {
    def_flags_ = def_flags_ & ~vm_locked_mask;
    apply_lock_flags_everywhere(VmFlags());
}

void MmStruct::apply_lock_flags_everywhere(VmFlags lock_flags) {
    VirtAddr next(0);
    while (Vma* vma = vmas_.find(next)) {
        next = vma->end();
        const auto locked = lock_part(*vma, vma->range(), lock_flags);
        FL_ASSERT(locked.has_value());  // a whole VMA takes no room for another
    }
}

}  // namespace fl::mm
