// MmStruct: what grows in place: the break, bss, the stack; and the ranges that the kernel keeps for itself.
#include "mm/mm_struct.hpp"

#include <algorithm>

namespace fl::mm {

namespace {

constexpr VmFlags data_flags = vm_read | vm_write | vm_may_flags | vm_account;

}  // namespace

// mm/mmap.c, do_brk_flags: a free place, private, readable and writable.
Result<void> MmStruct::add_anonymous(VirtRange range, VmFlags flags) {
    const PageCount pages = range.page_count();
    if (!may_expand(flags, pages) || map_count() > max_map_count || !may_commit(pages)) return fail(Errno::enomem);
    const auto reserved = objects_.reserve({.vmas = 1});
    if (!reserved) return fail(reserved.error());
    Vma& added = insert(range, VmaContent{flags, AnonymousBacking{}, range.start.vpn().value()});
    // It joins what lies below, but the heap never joins the bss: the search for a neighbour stops at start_brk
    // (vma_prev_limit, which still finds a mapping that reaches across it).
    Vma* below = added.previous();
    if (below != nullptr && below->end() > start_brk_ && can_merge(*below, added)) {
        merge_with_next(*below);
    }
    return {};
}

VirtAddr MmStruct::set_brk(VirtAddr wanted, VmFlags more_flags) {
    if (wanted < start_brk_ || wanted >= task_size) return brk_;
    const std::uint64_t data_bytes = (wanted - start_brk_) + (bounds_.end_data - bounds_.start_data);
    if (data_bytes > limits_.data_bytes) return brk_;

    const VirtAddr old_end = brk_.page_ceil();
    const VirtAddr new_end = wanted.page_ceil();
    if (new_end < old_end) {
        const VirtRange freed{new_end, old_end};
        // A program that unmapped this part of its heap by hand has nothing to give back.
        if (vmas_.find_intersection(freed) == nullptr || unmap_splits_too_many(freed) || has_sealed(freed)) return brk_;
        const auto reserved = objects_.reserve(objects_of_cuts(freed));
        if (!reserved) return brk_;
        commit_unmap(freed);
    } else if (new_end > old_end) {
        if (!may_lock_more(def_flags_, VirtRange{old_end, new_end}.page_count())) return brk_;
        const Vma* next = vmas_.find(old_end);
        if (next != nullptr) {
            const std::uint64_t guard = next->flags().has(vm_growsdown) ? stack_guard_gap_bytes : 0;
            if (new_end.value() + page_size + guard > next->start().value()) return brk_;
        }
        if (!add_anonymous(VirtRange{old_end, new_end}, data_flags | def_flags_ | more_flags)) return brk_;
    }
    brk_ = wanted;
    return brk_;
}

Result<void> MmStruct::map_bss(VirtRange range, bool executable) {
    if (range.empty()) return {};
    FL_ASSERT(range.start.page_aligned() && range.end.page_aligned());
    if (range.end > task_size || vmas_.find_intersection(range) != nullptr) return fail(Errno::enomem);
    return add_anonymous(range, executable ? data_flags | vm_exec : data_flags);
}

Result<void> MmStruct::map_stack(VirtAddr top, std::uint64_t size_bytes, bool executable) {
    const VirtRange range{(top - size_bytes).page_floor(), top};
    VmFlags flags = data_flags | vm_growsdown;
    if (executable) flags = flags | vm_exec;
    if (vmas_.find_intersection(range) != nullptr || !may_expand(flags, range.page_count())) return fail(Errno::enomem);
    const auto reserved = objects_.reserve({.vmas = 1});
    if (!reserved) return fail(reserved.error());
    insert(range, VmaContent{flags, AnonymousBacking{}, range.start.vpn().value()});
    // Until exec knows the stack pointer: the range is [stack] from its first fault on.
    bounds_.start_stack = top;
    return {};
}

Result<VirtAddr> MmStruct::find_free_range(std::uint64_t size_bytes) const {
    const auto start = search_unmapped_area(0, PageCount::of_bytes(size_bytes).bytes());
    if (!start) return fail(Errno::enomem);
    return *start;
}

Result<void> MmStruct::map_special(VirtRange range, VmFlags flags, SpecialBacking backing) {
    FL_ASSERT(vmas_.find_intersection(range) == nullptr);
    if (!may_expand(flags, range.page_count())) return fail(Errno::enomem);
    const auto reserved = objects_.reserve({.vmas = 1});
    if (!reserved) return fail(reserved.error());
    insert(range, VmaContent{flags | vm_dontexpand, std::move(backing), 0});
    return {};
}

Result<void> MmStruct::stack_has_place(VirtAddr start) const {
    const Vma* vma = vmas_.find(start);
    if (vma == nullptr || vma->start() <= start || !vma->flags().has(vm_growsdown)) return fail(Errno::enomem);
    if (start < mmap_min_addr) return fail(Errno::eperm);
    const Vma* below = vma->previous();
    if (below != nullptr && !below->flags().has(vm_growsdown) && below->is_accessible() &&
        start - below->end() < stack_guard_gap_bytes) {
        return fail(Errno::enomem);
    }
    return {};
}

bool MmStruct::limits_allow_stack(const Vma& stack, VirtAddr start) const {
    const PageCount growth = VirtRange{start, stack.start()}.page_count();
    return may_expand(stack.flags(), growth) && stack.end() - start <= limits_.stack_bytes &&
           may_lock_more(stack.flags(), growth) && may_commit(growth);
}

Result<void> MmStruct::check_stack_growth(VirtAddr address) const {
    const VirtAddr start = address.page_floor();
    if (const auto free = stack_has_place(start); !free) return free;
    if (!limits_allow_stack(*vmas_.find(start), start)) return fail(Errno::enomem);
    return {};
}

// mm/mmap.c, expand_downwards and acct_stack_growth.
Result<Vma*> MmStruct::expand_stack(VirtAddr address) {
    const VirtAddr start = address.page_floor();
    if (const auto free = stack_has_place(start); !free) return fail(free.error());
    Vma* vma = vmas_.find(start);
    const auto reserved = reserve_anon_vma(*vma);
    if (!reserved) return fail(reserved.error());
    // Even where it cannot grow; and before it can touch another stack's VMA, so that the two stay apart.
    prepare_anon_vma(*vma);
    if (!limits_allow_stack(*vma, start)) return fail(Errno::enomem);
    const PageCount growth = VirtRange{start, vma->start()}.page_count();
    account(vma->flags(), growth, Change::add);
    resize(*vma, VirtRange{start, vma->end()});
    return vma;
}

}  // namespace fl::mm
