// MmStruct: madvise, in Linux's order of checks (mm/madvise.c; mm/ksm.c and mm/khugepaged.c for what they answer).
#include "mm/mm_struct.hpp"

#include "mm/reclaimer.hpp"

#include <algorithm>

namespace fl::mm {

using emu::Pte;

namespace {

// madvise(2) advice, Linux's values. Memory that fails (MADV_HWPOISON, MADV_SOFT_OFFLINE) is for kernels that are
// built to test it.
enum Advice : int {
    madv_normal = 0,
    madv_random = 1,
    madv_sequential = 2,
    madv_willneed = 3,
    madv_dontneed = 4,
    madv_free = 8,
    madv_remove = 9,
    madv_dontfork = 10,
    madv_dofork = 11,
    madv_mergeable = 12,
    madv_unmergeable = 13,
    madv_hugepage = 14,
    madv_nohugepage = 15,
    madv_dontdump = 16,
    madv_dodump = 17,
    madv_wipeonfork = 18,
    madv_keeponfork = 19,
    madv_cold = 20,
    madv_pageout = 21,
    madv_dontneed_locked = 24,
    madv_collapse = 25,
    madv_guard_install = 102,
    madv_guard_remove = 103,
};

bool is_known_advice(int advice) {
    return (advice >= madv_normal && advice <= madv_dontneed) || (advice >= madv_free && advice <= madv_collapse) ||
           advice == madv_guard_install || advice == madv_guard_remove;
}

bool changes_flags(int advice) {
    switch (advice) {
        case madv_normal:
        case madv_random:
        case madv_sequential:
        case madv_dontfork:
        case madv_dofork:
        case madv_mergeable:
        case madv_unmergeable:
        case madv_hugepage:
        case madv_nohugepage:
        case madv_dontdump:
        case madv_dodump:
        case madv_wipeonfork:
        case madv_keeponfork: return true;
        default: return false;
    }
}

// can_madvise_modify(): what is sealed loses nothing but what could be written over anyway, or comes back from its
// file.
bool may_advise(const Vma& vma, int advice) {
    if (!vma.flags().has(vm_sealed)) return true;
    switch (advice) {
        case madv_free:
        case madv_dontneed:
        case madv_dontneed_locked:
        case madv_remove:
        case madv_dontfork:
        case madv_wipeonfork:
        case madv_guard_install: break;
        default: return true;
    }
    const bool comes_back = vma.file() != nullptr && vma.anon_vma() == nullptr;
    return comes_back || vma.flags().has(vm_write);
}

// The flags of `vma` once it was advised; EINVAL where its kind does not take the advice.
Result<VmFlags> advised_flags(const Vma& vma, int advice) {
    const VmFlags flags = vma.flags();
    switch (advice) {
        case madv_normal: return flags & ~(vm_rand_read | vm_seq_read);
        case madv_random: return (flags & ~vm_seq_read) | vm_rand_read;
        case madv_sequential: return (flags & ~vm_rand_read) | vm_seq_read;
        case madv_dontfork: return flags | vm_dontcopy;
        case madv_dofork:
            if (flags.has_any(vm_io)) return fail(Errno::einval);
            return flags & ~vm_dontcopy;
        // Pages of equal content are never merged here; what is marked for it counts when VMAs are compared.
        case madv_mergeable:
            if (flags.has_any(vm_shared | vm_mayshare | vm_special | vm_droppable)) return flags;
            return flags | vm_mergeable;
        case madv_unmergeable: return flags & ~vm_mergeable;
        case madv_hugepage: return (flags & ~vm_nohugepage) | vm_hugepage;
        case madv_nohugepage: return (flags & ~vm_hugepage) | vm_nohugepage;
        case madv_dontdump: return flags | vm_dontdump;
        case madv_dodump:
            if (flags.has_any(vm_special | vm_droppable)) return fail(Errno::einval);
            return flags & ~vm_dontdump;
        case madv_wipeonfork:
            if (vma.file() != nullptr || vma.is_shared()) return fail(Errno::einval);
            return flags | vm_wipeonfork;
        default:  // madv_keeponfork
            if (flags.has_any(vm_droppable)) return fail(Errno::einval);
            return flags & ~vm_wipeonfork;
    }
}

}  // namespace

Result<void> MmStruct::advise(VirtAddr start, std::uint64_t length_bytes, int advice) {
    if (!is_known_advice(advice) || !start.page_aligned()) return fail(Errno::einval);
    if (length_bytes > ~page_mask) return fail(Errno::einval);
    const auto end = start.checked_add(PageCount::of_bytes(length_bytes).bytes());
    if (!end) return fail(Errno::einval);
    if (advice == madv_populate_read || advice == madv_populate_write) return {};

    // Holes are passed over and reported at the end.
    bool saw_hole = false;
    while (start < *end) {
        Vma* vma = vmas_.find(start);
        if (vma == nullptr || vma->start() >= *end) {
            saw_hole = true;
            break;
        }
        if (vma->start() > start) {
            saw_hole = true;
            start = vma->start();
        }
        const VirtRange part{start, std::min(*end, vma->end())};
        if (const auto done = advise_part(*vma, part, advice); !done) return done;
        start = part.end;
    }
    if (saw_hole) return fail(Errno::enomem);
    return {};
}

Result<void> MmStruct::advise_part(Vma& vma, VirtRange part, int advice) {
    if (!may_advise(vma, advice)) return fail(Errno::eperm);
    if (!changes_flags(advice)) return advise_pages(vma, part, advice);
    const auto flags = advised_flags(vma, advice);
    if (!flags) return fail(flags.error());
    if (const auto changed = change_flags(vma, part, *flags); !changed) {
        // Advice may be given again later.
        return fail(changed.error() == Errno::enomem ? Errno::eagain : changed.error());
    }
    return {};
}

// What the advice does to pages and leaves no trace of in the VMA.
Result<void> MmStruct::advise_pages(Vma& vma, VirtRange part, int advice) {
    const VmFlags flags = vma.flags();
    switch (advice) {
        case madv_willneed: return read_ahead(vma, part);
        case madv_dontneed_locked:
            if (flags.has_any(vm_pfnmap)) return fail(Errno::einval);
            zap(vma, part, Guards::keep);
            return {};
        case madv_dontneed:
            if (flags.has_any(vm_locked | vm_pfnmap)) return fail(Errno::einval);
            zap(vma, part, Guards::keep);
            return {};
        case madv_free:
            if (flags.has_any(vm_locked | vm_pfnmap) || !vma.is_anonymous()) return fail(Errno::einval);
            mark_lazy_free(part);
            return {};
        case madv_remove: return remove_pages(vma, part);
        case madv_cold:
            if (flags.has_any(vm_locked | vm_pfnmap)) return fail(Errno::einval);
            make_pages_old(part);
            return {};
        case madv_pageout:
            if (flags.has_any(vm_locked | vm_pfnmap)) return fail(Errno::einval);
            page_out(vma, part);
            return {};
        case madv_collapse: return collapse(vma, part);
        case madv_guard_install: return install_guards(vma, part);
        default: break;  // madv_guard_remove
    }
    if (flags.has_any(vm_special)) return fail(Errno::einval);
    page_table_.for_each_entry(part, [](VirtAddr, Pte& slot) {
        if (slot.is_guard()) slot = Pte::none();
    });
    return {};
}

// Brings what the file has into the page cache, and what is in swap into the swap cache; maps nothing
// (force_page_cache_readahead, swapin_walk_pmd_entry). Nobody has to make room for it.
Result<void> MmStruct::read_ahead(const Vma& vma, VirtRange part) {
    page_table_.for_each_entry(part, [&](VirtAddr, const Pte& slot) {
        // Unreadable, it fails when it is asked for.
        if (slot.is_swapped() && memory_.has_room()) (void)memory_.reclaimer()->swap_in(slot.slot());
    });
    File* file = vma.file();
    if (file == nullptr || file->kind() == FileKind::memory) return {};
    const std::uint64_t end = std::min(vma.page_index(part.end), file->page_count().value());
    for (std::uint64_t index = vma.page_index(part.start); index < end; ++index) {
        if (file->cached(index)) continue;
        const bool can_be_read = file->kind() == FileKind::regular || file->is_in_swap(index);
        // Short of memory or unreadable: the page comes, or fails, when it is asked for.
        if (can_be_read && (!memory_.has_room() || !file->read_page(index))) break;
    }
    return {};
}

// mm/madvise.c, madvise_remove: a hole in the file itself.
Result<void> MmStruct::remove_pages(const Vma& vma, VirtRange part) {
    if (vma.flags().has_any(vm_locked) || vma.file() == nullptr) return fail(Errno::einval);
    if (!vma.flags().has(vm_shared | vm_maywrite)) return fail(Errno::eacces);
    // The mapping may be the last to know the file.
    const std::shared_ptr<File> file = std::get<FileBacking>(vma.backing()).file;
    return file->punch_hole(vma.page_index(part.start) * page_size, part.size_bytes());
}

// Every page of the range becomes a guard: touching it is SIGSEGV, and the range still belongs to the VMA.
Result<void> MmStruct::install_guards(Vma& vma, VirtRange part) {
    if (vma.flags().has_any(vm_special | vm_locked)) return fail(Errno::einval);
    split_large_pages(part);
    for (VirtAddr at = part.start; at < part.end; at = at + page_size) {
        if (!page_table_.ensure(at)) return fail(Errno::enomem);
    }
    const auto reserved = reserve_anon_vma(vma);
    if (!reserved) return fail(reserved.error());
    // So that fork copies the page tables.
    prepare_anon_vma(vma);
    zap(vma, part, Guards::drop);
    for (VirtAddr at = part.start; at < part.end; at = at + page_size) *page_table_.find(at) = Pte::guard();
    vma.set_flags(vma.flags() | vm_maybe_guard);
    return {};
}

}  // namespace fl::mm
