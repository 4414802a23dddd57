// MmStruct: mmap and munmap, in Linux's order of checks (mm/mmap.c; arch/x86/kernel/sys_x86_64.c for the search).
#include "mm/mm_struct.hpp"

#include <algorithm>

namespace fl::mm {

namespace {

// What MAP_SHARED_VALIDATE knows without help from the file (include/linux/mman.h, LEGACY_MAP_MASK).
constexpr std::uint64_t legacy_map_mask = 0x3 | map_fixed | map_anonymous | map_32bit | 0x80 | map_growsdown | 0x800 |
                                          0x1000 | map_locked | map_noreserve | map_populate | 0x10000 | map_stack |
                                          0x40000 | 21ULL << 26 | 30ULL << 26;
constexpr VirtRange area_of_map_32bit{VirtAddr(0x4000'0000), VirtAddr(0x8000'0000)};
// Where the search from below starts: a third of the user half (TASK_UNMAPPED_BASE).
constexpr VirtAddr bottom_up_base = VirtAddr(task_size.value() / 3).page_ceil();

VmFlags flags_of_prot(std::uint64_t prot) {
    VmFlags flags;
    if ((prot & prot_read) != 0) flags = flags | vm_read;
    if ((prot & prot_write) != 0) flags = flags | vm_write;
    if ((prot & prot_exec) != 0) flags = flags | vm_exec;
    return flags;
}

// Private writable memory is promised to the program (accountable_mapping).
bool is_accountable(VmFlags flags) { return (flags & (vm_noreserve | vm_shared | vm_write)) == vm_write; }

// Private anonymous memory, and files of a disk (ext4 and others ask for it) that hold a whole huge page in this range;
// shared memory has an alignment of its own, none where its huge pages are off.
bool wants_huge_page_alignment(const MapRequest& request, std::uint64_t length_bytes) {
    if (request.file == nullptr) {
        return (request.flags & map_shared) == 0 && request.hint == VirtAddr(0) && length_bytes % huge_page_bytes == 0;
    }
    const std::uint64_t offset = request.pgoff << page_shift;
    const std::uint64_t to_boundary = (0 - offset) & (huge_page_bytes - 1);
    return request.file->kind() == FileKind::regular && length_bytes >= to_boundary + huge_page_bytes;
}

}  // namespace

Result<VirtAddr> MmStruct::map(MapRequest request) {
    if ((request.flags & map_fixed_noreplace) != 0) request.flags |= map_fixed;
    const bool fixed = (request.flags & map_fixed) != 0;
    if (request.length_bytes == 0) return fail(Errno::einval);
    if (!fixed) {
        request.hint = request.hint.page_floor();
        if (request.hint != VirtAddr(0)) request.hint = std::max(request.hint, mmap_min_addr);
    }
    if (request.length_bytes > ~page_mask) return fail(Errno::enomem);
    const PageCount pages = PageCount::of_bytes(request.length_bytes);
    if (request.pgoff + pages.value() < request.pgoff) return fail(Errno::eoverflow);
    if (map_count() > max_map_count) return fail(Errno::enomem);

    const auto start = get_unmapped_area(request, pages.bytes());
    if (!start) return start;
    const VirtRange range{*start, *start + pages.bytes()};
    if ((request.flags & map_fixed_noreplace) != 0 && vmas_.find_intersection(range) != nullptr) {
        return fail(Errno::eexist);
    }
    if ((request.flags & map_locked) != 0 && !may_lock()) return fail(Errno::eperm);
    const VmFlags locked = (request.flags & map_locked) != 0 ? def_flags_ | vm_locked : def_flags_;
    if (!may_lock_more(locked, pages)) return fail(Errno::eagain);
    auto flags = map_flags(request);
    if (!flags) return fail(flags.error());

    if (fixed && unmap_splits_too_many(range)) return fail(Errno::enomem);
    if (fixed && unmap_splits_special(range)) return fail(Errno::einval);
    if (fixed && has_sealed(range)) return fail(Errno::eperm);
    MmObjectCounts needed = fixed ? objects_of_cuts(range) : MmObjectCounts{};
    ++needed.vmas;
    const auto reserved = objects_.reserve(needed);
    if (!reserved) return fail(reserved.error());
    // Only a fixed place can be taken.
    const PageCount replaced = fixed ? std::min(pages, pages_in(range)) : PageCount(0);
    if (!may_expand(*flags, pages - replaced) || (is_accountable(*flags) && !may_commit(pages))) {
        if (fixed) leave_cuts(range);
        return fail(Errno::enomem);
    }
    if (is_accountable(*flags)) *flags = *flags | vm_account;

    // Nothing fails from here on.
    VmaContent content{.flags = *flags, .backing = AnonymousBacking{}, .pgoff = range.start.vpn().value()};
    if (request.file != nullptr) {
        content.backing = FileBacking{request.file};
        content.pgoff = request.pgoff;
        content.observer = request.observer;
    } else if (flags->has(vm_shared)) {
        // Memory to share has a file without a name behind it (shmem_zero_setup).
        content.backing = FileBacking{files_.create(FileIdentity{.path = "/dev/zero (deleted)", .device_minor = 1},
                                                    FileKind::shared_memory, pages.bytes())};
        content.pgoff = 0;
    }
    if (fixed) commit_unmap(range);
    Vma& added = insert(range, std::move(content));
    if (flags->has(vm_droppable) && locked.has(vm_locked)) {
        // Linux looks for neighbours while the new mapping still counts as locked, which no droppable one is.
        leave_apart(added);
    } else {
        merge_neighbours(added);
    }
    return range.start;
}

Result<VmFlags> MmStruct::map_flags(const MapRequest& request) const {
    VmFlags flags = flags_of_prot(request.prot) | vm_may_flags;
    if ((request.flags & map_growsdown) != 0) flags = flags | vm_growsdown;
    if ((request.flags & map_locked) != 0) flags = flags | vm_locked;
    flags = flags | def_flags_;
    if ((request.flags & map_noreserve) != 0) flags = flags | vm_noreserve;
    // A thread's stack is no place for huge pages (include/linux/mman.h, since 6.7).
    if ((request.flags & mm::map_stack) != 0) flags = flags | vm_nohugepage;
    return request.file != nullptr ? file_map_flags(request, flags) : anonymous_map_flags(request, flags);
}

Result<VmFlags> MmStruct::anonymous_map_flags(const MapRequest& request, VmFlags flags) {
    switch (request.flags & map_type_mask) {
        case map_private: return flags;
        case map_shared:
            if (flags.has(vm_growsdown)) return fail(Errno::einval);
            return flags | vm_shared | vm_mayshare;
        case map_droppable:
            // Memory that may be lost at any time is neither promised nor kept for others (since 6.11).
            if ((request.flags & map_locked) != 0 || flags.has(vm_growsdown)) return fail(Errno::einval);
            return (flags & ~vm_locked_mask) | vm_droppable | vm_noreserve | vm_wipeonfork | vm_dontdump;
        default: return fail(Errno::einval);
    }
}

Result<VmFlags> MmStruct::file_map_flags(const MapRequest& request, VmFlags flags) {
    const FileAccess& access = request.file_access;
    const std::uint64_t length_bytes = PageCount::of_bytes(request.length_bytes).bytes();
    // file_mmap_ok()
    if (length_bytes > max_file_bytes || request.pgoff > (max_file_bytes - length_bytes) >> page_shift) {
        return fail(Errno::eoverflow);
    }
    switch (request.flags & map_type_mask) {
        case map_shared_validate:
            if ((request.flags & ~legacy_map_mask) != 0) return fail(Errno::eopnotsupp);
            [[fallthrough]];
        case map_shared:
            if ((request.prot & prot_write) != 0 && !access.writable) return fail(Errno::eacces);
            // Without the right ever to write the sharing shows in VM_MAYSHARE alone.
            flags = flags | vm_mayshare;
            flags = access.writable ? flags | vm_shared : flags & ~vm_maywrite;
            break;
        case map_private: break;
        default: return fail(Errno::einval);
    }
    if (!access.readable) return fail(Errno::eacces);
    if (!access.executable) {
        if (flags.has(vm_exec)) return fail(Errno::eperm);
        flags = flags & ~vm_mayexec;
    }
    if (flags.has(vm_growsdown)) return fail(Errno::einval);
    // memfd_check_seals_mmap()
    if (access.write_sealed && flags.has(vm_shared)) {
        if (flags.has(vm_write)) return fail(Errno::eperm);
        flags = flags & ~vm_maywrite;
    }
    return flags;
}

Result<VirtAddr> MmStruct::get_unmapped_area(const MapRequest& request, std::uint64_t length_bytes) const {
    if (length_bytes > task_size.value()) return fail(Errno::enomem);
    if ((request.flags & map_fixed) != 0) {
        if (request.hint > task_size - length_bytes) return fail(Errno::enomem);
        if (!request.hint.page_aligned()) return fail(Errno::einval);
        if (request.hint < mmap_min_addr && limits_.privilege == Privilege::none) return fail(Errno::eperm);
        return request.hint;
    }
    // MAP_32BIT bounds a hint from above only.
    const VirtAddr limit = (request.flags & map_32bit) != 0 ? area_of_map_32bit.end : task_size;
    if (length_bytes > limit.value()) return fail(Errno::enomem);
    const auto hint_is_free = [&](std::uint64_t size_bytes) {
        if (request.hint == VirtAddr(0) || size_bytes > limit.value() || request.hint > limit - size_bytes)
            return false;
        const VirtRange wanted{request.hint, request.hint + size_bytes};
        const Vma* next = vmas_.find(wanted.start);
        const std::uint64_t guard = next != nullptr && next->flags().has(vm_growsdown) ? stack_guard_gap_bytes : 0;
        return next == nullptr || wanted.end.value() + guard <= next->start().value();
    };
    // Whole huge pages are laid on huge-page boundaries, so that they could be huge pages (thp_get_unmapped_area);
    // those of a file lie on the file's own, and a hint counts for them where there would be room to choose.
    if (wants_huge_page_alignment(request, length_bytes)) {
        const std::uint64_t padded_bytes = length_bytes + huge_page_bytes;
        if (hint_is_free(padded_bytes)) return request.hint;
        if (const auto found = search_unmapped_area(request.flags, padded_bytes)) {
            const std::uint64_t offset = request.file != nullptr ? request.pgoff << page_shift : 0;
            const std::uint64_t to_boundary = (offset - found->value()) & (huge_page_bytes - 1);
            return *found + (to_boundary != 0 ? to_boundary : huge_page_bytes);
        }
    }
    if (hint_is_free(length_bytes)) return request.hint;
    const auto found = search_unmapped_area(request.flags, length_bytes);
    if (!found) return fail(Errno::enomem);
    return *found;
}

std::optional<VirtAddr> MmStruct::search_unmapped_area(std::uint64_t flags, std::uint64_t length_bytes) const {
    if ((flags & map_32bit) != 0) return vmas_.find_gap_bottom_up(length_bytes, area_of_map_32bit);
    const VirtRange below_base{mmap_min_addr, mmap_base_};
    if (const auto found = vmas_.find_gap_top_down(length_bytes, below_base)) return found;
    return vmas_.find_gap_bottom_up(length_bytes, VirtRange{bottom_up_base, task_size});
}

Result<void> MmStruct::unmap(VirtAddr start, std::uint64_t length_bytes) {
    if (!start.page_aligned() || start > task_size || length_bytes > task_size - start || length_bytes == 0) {
        return fail(Errno::einval);
    }
    const VirtRange range{start, start + PageCount::of_bytes(length_bytes).bytes()};
    if (unmap_splits_too_many(range)) return fail(Errno::enomem);
    if (unmap_splits_special(range)) return fail(Errno::einval);
    if (has_sealed(range)) return fail(Errno::eperm);
    const auto reserved = objects_.reserve(objects_of_cuts(range));
    if (!reserved) return fail(reserved.error());
    commit_unmap(range);
    return {};
}

// A hole in the middle of one VMA leaves two.
bool MmStruct::unmap_splits_too_many(VirtRange range) const {
    if (map_count() < max_map_count) return false;
    const Vma* vma = vmas_.find(range.start);
    return vma != nullptr && vma->start() < range.start && range.end < vma->end();
}

MmObjectCounts MmStruct::objects_of_cuts(VirtRange range) const {
    MmObjectCounts counts;
    for (const VirtAddr at : {range.start, range.end}) {
        const Vma* vma = vmas_.find(at);
        if (vma == nullptr || vma->start() >= at) continue;
        ++counts.vmas;
        counts.chains += vma->anon_vma_chain().size();
    }
    return counts;
}

// The kernel's own ranges go as a whole or not at all (special_mapping_split).
bool MmStruct::unmap_splits_special(VirtRange range) const {
    const auto splits = [this](VirtAddr at) {
        const Vma* vma = vmas_.find(at);
        return vma != nullptr && vma->is_special() && vma->start() < at;
    };
    // The start last: its VMA is what the caller looks for next.
    return splits(range.end) || splits(range.start);
}

// Before Linux finds out that a mapping may not be had, it cuts those that are in its way, and does not join them again
// (mm/vma.c, __mmap_prepare).
void MmStruct::leave_cuts(VirtRange range) {
    for (const VirtAddr at : {range.start, range.end}) {
        Vma* vma = vmas_.find(at);
        if (vma == nullptr || vma->start() >= at) continue;
        split_at(*vma, at).set_left_apart(true);
    }
}

void MmStruct::commit_unmap(VirtRange range) {
    Vma* vma = vmas_.find_intersection(range);
    if (vma == nullptr) return;
    if (vma->start() < range.start) vma = &split_at(*vma, range.start);
    const Vma* below = vma->previous();
    while (vma != nullptr && vma->start() < range.end) {
        if (vma->end() > range.end) split_at(*vma, range.end);
        Vma* next = vma->next();
        note_unmap(*vma, range);
        zap(*vma, vma->range(), Guards::drop);
        account(vma->flags(), vma->page_count(), Change::remove);
        remove(*vma);
        vma = next;
    }
    if (vma != nullptr) vma->set_left_apart(false);
    free_unused_tables(range, below, vma);
}

void MmStruct::free_unused_tables(VirtRange range, const Vma* below, const Vma* above) {
    const VirtRange unmapped{below != nullptr ? below->end() : VirtAddr(0),
                             above != nullptr ? above->start() : VirtAddr(task_size.value() + page_size)};
    page_table_.free_tables(range, unmapped);
}

}  // namespace fl::mm
