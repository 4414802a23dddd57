// MmStruct: mremap, and remap_file_pages as mmap emulates it (mm/mremap.c of Linux 6.17 and later, mm/mmap.c).
#include "mm/mm_struct.hpp"

#include <algorithm>

namespace fl::mm {

using emu::Pte;

namespace {

// A move may leave three VMAs of one on either side; mremap stays that far from the limit.
constexpr std::uint64_t map_count_reserve = 3;

bool has(const RemapRequest& request, std::uint64_t flag) { return (request.flags & flag) != 0; }

bool names_place(const RemapRequest& request) { return has(request, mremap_fixed | mremap_dontunmap); }

bool is_growing(const RemapRequest& request) { return request.new_bytes > request.old_bytes; }

// The program's numbers may wrap, as they may in Linux's comparison.
bool places_overlap(const RemapRequest& request) {
    const std::uint64_t from = request.address.value(), to = request.new_address.value();
    return from + request.old_bytes > to && to + request.new_bytes > from;
}

// check_mremap_params(), with both lengths in whole pages.
Result<void> check_parameters(const RemapRequest& request, std::uint64_t map_count) {
    constexpr std::uint64_t known = mremap_maymove | mremap_fixed | mremap_dontunmap;
    if ((request.flags & ~known) != 0 || !request.address.page_aligned()) return fail(Errno::einval);
    if (request.new_bytes == 0 || request.new_bytes > task_size.value()) return fail(Errno::einval);
    if (!names_place(request)) return {};
    if (request.new_address > task_size - request.new_bytes || !request.new_address.page_aligned()) {
        return fail(Errno::einval);
    }
    if (!has(request, mremap_maymove)) return fail(Errno::einval);
    if (has(request, mremap_dontunmap) && request.old_bytes != request.new_bytes) return fail(Errno::einval);
    if (places_overlap(request)) return fail(Errno::einval);
    if (map_count + 2 >= max_map_count - map_count_reserve) return fail(Errno::enomem);
    return {};
}

}  // namespace

Result<Remapped> MmStruct::remap(RemapRequest request) {
    request.old_bytes = (request.old_bytes + page_mask) & ~page_mask;
    request.new_bytes = (request.new_bytes + page_mask) & ~page_mask;
    if (const auto ok = check_parameters(request, map_count()); !ok) return fail(ok.error());
    if (has(request, mremap_fixed) && request.old_bytes == request.new_bytes) return move_range(request);

    Vma* vma = vma_at(request.address);
    if (vma == nullptr) return fail(Errno::efault);
    if (const auto ok = check_remap(*vma, request); !ok) return fail(ok.error());
    const bool locked = vma->flags().has(vm_locked);
    const auto start = names_place(request) ? remap_to(request) : remap_in_place(*vma, request);
    if (!start) return fail(start.error());
    Remapped done{.start = *start};
    if (locked && is_growing(request)) {
        done.to_populate = VirtRange{*start + request.old_bytes, *start + request.new_bytes};
    }
    return done;
}

Vma* MmStruct::vma_at(VirtAddr address) {
    Vma* vma = vmas_.find(address);
    return vma != nullptr && vma->start() <= address ? vma : nullptr;
}

// check_prep_vma(): what forbids to grow or to move this VMA.
Result<void> MmStruct::check_remap(const Vma& vma, const RemapRequest& request) const {
    if (vma.flags().has(vm_sealed)) return fail(Errno::eperm);
    if (!is_growing(request) && !names_place(request)) return {};
    const VmFlags flags = vma.flags();
    // A private mapping cannot be had a second time.
    if (request.old_bytes == 0 && !vma.flags().has_any(vm_shared | vm_mayshare)) return fail(Errno::einval);
    const bool keeps_size = flags.has_any(vm_dontexpand | vm_pfnmap);
    if (has(request, mremap_dontunmap) && keeps_size) return fail(Errno::einval);
    // What is cut off first may reach beyond the VMA.
    if (std::min(request.old_bytes, request.new_bytes) > vma.end() - request.address) return fail(Errno::efault);
    if (!is_growing(request)) return {};
    const std::uint64_t pgoff = vma.page_index(request.address);
    if (pgoff + (request.new_bytes >> page_shift) < pgoff) return fail(Errno::einval);
    if (keeps_size) return fail(Errno::efault);
    const PageCount delta = PageCount::of_bytes(request.new_bytes - request.old_bytes);
    if (!may_lock_more(flags, delta)) return fail(Errno::eagain);
    if (!may_expand(flags, delta)) return fail(Errno::enomem);
    return {};
}

// mremap_at() and expand_vma().
Result<VirtAddr> MmStruct::remap_in_place(Vma& vma, const RemapRequest& request) {
    if (request.new_bytes == request.old_bytes) return request.address;
    if (!is_growing(request)) {
        const auto cut = unmap(request.address + request.new_bytes, request.old_bytes - request.new_bytes);
        if (!cut) return fail(cut.error());
        return request.address;
    }
    const std::uint64_t delta = request.new_bytes - request.old_bytes;
    if (vma.end() - request.address == request.old_bytes && may_extend(vma, delta)) {
        const PageCount pages = PageCount::of_bytes(delta);
        if (vma.flags().has(vm_account) && !may_commit(pages)) return fail(Errno::enomem);
        account(vma.flags(), pages, Change::add);
        resize(vma, VirtRange{vma.start(), vma.end() + delta});
        merge_with_next(vma);
        return request.address;
    }
    if (!has(request, mremap_maymove)) return fail(Errno::enomem);
    return move_vma(vma, request);
}

// vma_expandable(): the room above is empty; a guard gap does not count.
bool MmStruct::may_extend(const Vma& vma, std::uint64_t bytes) {
    if (bytes > task_size - vma.end()) return false;
    return vmas_.find_intersection(VirtRange{vma.end(), vma.end() + bytes}) == nullptr;
}

// mremap_to(). As on Linux, the place is cleared, and the range cut, before it is known that the move succeeds.
Result<VirtAddr> MmStruct::remap_to(RemapRequest request) {
    if (has(request, mremap_fixed)) {
        if (const auto cleared = unmap(request.new_address, request.new_bytes); !cleared) return fail(cleared.error());
    }
    if (request.new_bytes < request.old_bytes) {
        const auto cut = unmap(request.address + request.new_bytes, request.old_bytes - request.new_bytes);
        if (!cut) return fail(cut.error());
        request.old_bytes = request.new_bytes;
    }
    Vma* vma = vma_at(request.address);
    if (vma == nullptr) return fail(Errno::efault);
    if (has(request, mremap_dontunmap) && !may_expand(vma->flags(), PageCount::of_bytes(request.old_bytes))) {
        return fail(Errno::enomem);
    }
    return move_vma(*vma, request);
}

// remap_move(): the VMAs of a range move one by one and keep their distances; those before a failure have moved.
Result<Remapped> MmStruct::move_range(const RemapRequest& request) {
    const auto checked_end = request.address.checked_add(request.old_bytes);
    const VirtAddr end = checked_end.value_or(VirtAddr(~page_mask));
    const Vma* vma = vma_at(request.address);
    if (vma == nullptr) return fail(Errno::efault);
    VirtAddr next = request.address;
    // What has moved may have become one with what comes next.
    while (vma != nullptr && next < end && vma->start() < end) {
        const VirtRange part{std::max(next, vma->start()), std::min(end, vma->end())};
        RemapRequest one = request;
        one.address = part.start;
        one.old_bytes = one.new_bytes = part.size_bytes();
        one.new_address = request.new_address + (part.start - request.address);
        next = vma->end();
        if (const auto ok = check_remap(*vma, one); !ok) return fail(ok.error());
        if (const auto moved = remap_to(one); !moved) return fail(moved.error());
        vma = vmas_.find(next);
    }
    return Remapped{.start = request.new_address};
}

// move_vma(): a VMA at another place, of another size, with the pages of the old one.
Result<VirtAddr> MmStruct::move_vma(Vma& source, const RemapRequest& request) {
    MapRequest place{.hint = names_place(request) ? request.new_address : VirtAddr(0)};
    if (has(request, mremap_fixed)) place.flags |= map_fixed;
    if (source.flags().has(vm_mayshare)) place.flags |= map_shared;
    if (const auto* backing = std::get_if<FileBacking>(&source.backing())) place.file = backing->file;
    const auto target_start = get_unmapped_area(place, request.new_bytes);
    if (!target_start) return fail(target_start.error());
    if (*target_start < mmap_min_addr && limits_.privilege == Privilege::none) return fail(Errno::eperm);

    const VirtRange from{request.address, request.address + request.old_bytes};
    const VirtRange to{*target_start, *target_start + request.new_bytes};
    if (map_count() >= max_map_count - map_count_reserve) return fail(Errno::enomem);
    if (source.is_special() && !(from == source.range())) return fail(Errno::einval);
    const PageCount charged = has(request, mremap_dontunmap) ? to.page_count()
                              : is_growing(request)          ? to.page_count() - from.page_count()
                                                             : PageCount(0);
    if (source.flags().has(vm_account) && !may_commit(charged)) return fail(Errno::enomem);
    MmObjectCounts needed = from.empty() || has(request, mremap_dontunmap) ? MmObjectCounts{} : objects_of_cuts(from);
    ++needed.vmas;
    needed.chains += source.anon_vma_chain().size();
    const auto reserved = objects_.reserve(needed);
    if (!reserved) return fail(reserved.error());
    if (const auto ready = ensure_tables_for_move(from, to); !ready) return fail(ready.error());

    // Nothing fails from here on. For a moment there is more memory than there ever was.
    const PageCount high_water = hiwater_vm_;
    VmaContent content = source.content_from(from.start);
    const bool protects = source.flags().has(vm_uffd_wp);
    // Who did not ask to follow the memory is left behind (mremap_userfaultfd_prep).
    if (const auto& context = source.userfault(); context && context->has(uffd_feature_event_remap)) {
        userfault_events_.push_back({context, UserfaultEvent::Remap{from.start, to.start, from.size_bytes()}});
    } else {
        forget_userfault(content);
    }
    // What was never touched may join what lies at the new place.
    if (source.is_anonymous() && source.anon_vma() == nullptr) content.pgoff = to.start.vpn().value();
    Vma& target = insert(to, std::move(content));
    target.clone_anon_vma(source);
    move_pages(from, to.start);
    if (protects && !target.flags().has(vm_uffd_wp)) remove_write_protection(to);
    if (has(request, mremap_dontunmap)) {
        // The new place joins its neighbours first, and the old one may be among them.
        merge_neighbours(target);
        leave_behind(*vma_at(from.start), from);
    } else {
        if (!from.empty()) commit_unmap(from);
        merge_neighbours(target);
    }
    hiwater_vm_ = high_water;
    return to.start;
}

// move_page_tables(): wherever the old range has a table, whether or not a page is in it.
Result<void> MmStruct::ensure_tables_for_move(VirtRange from, VirtRange to) {
    Result<void> outcome;
    const auto ensure = [&](VirtAddr source) {
        if (!outcome) return;
        if (const auto slot = page_table_.ensure(to.start + (source - from.start)); !slot) outcome = fail(slot.error());
    };
    const auto ensure_all = [&] {
        page_table_.for_each_leaf_table(from, [&](VirtAddr start) {
            if (outcome && moves_whole(start, from, to.start)) {
                const auto upper = page_table_.ensure_upper(to.start + (start - from.start));
                if (!upper) outcome = fail(upper.error());
                if (!upper || (*upper)->is_none()) return;
            }
            split_large_page(start);
            // What one table covers may lie in two at the new place.
            ensure(std::max(start, from.start));
            ensure(std::min(start + PageTable::leaf_table_bytes, from.end) - page_size);
        });
    };
    // Who makes room for a table may split what was to move as a whole.
    PageCount tables;
    do {
        tables = page_table_.table_count();
        ensure_all();
    } while (outcome && page_table_.table_count() != tables);
    if (!outcome) free_unused_tables(to, vmas_.find_previous(to.start), vmas_.find(to.start));
    return outcome;
}

// A large page that lies as well at the new place (move_huge_pmd).
bool MmStruct::moves_whole(VirtAddr start, VirtRange from, VirtAddr to) const {
    const bool is_inside = start >= from.start && start + huge_page_bytes <= from.end;
    return is_inside && page_table_.find(start)->is_large() && huge_page_aligned(to + (start - from.start));
}

void MmStruct::move_pages(VirtRange from, VirtAddr to) {
    page_table_.for_each_entry(from, [&](VirtAddr address, Pte& slot) {
        if (slot.is_large()) {
            Pte* target = page_table_.find_upper(to + (address - from.start));
            FL_ASSERT(target != nullptr && target->is_none());
            if (memory_.tlb_may_hold(slot)) effects_.tlb_stale = true;
            for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) {
                memory_.frames().move_mapping(slot.pfn() + i, &slot, target);
            }
            *target = std::exchange(slot, Pte::none());
            return;
        }
        Pte* target = page_table_.find(to + (address - from.start));
        FL_ASSERT(target != nullptr && target->is_none());
        if (memory_.tlb_may_hold(slot)) effects_.tlb_stale = true;
        if (slot.is_resident()) memory_.frames().move_mapping(slot.pfn(), &slot, target);
        *target = std::exchange(slot, Pte::none());
    });
}

// dontunmap_complete(): the old VMA is empty, so there is nothing to keep in memory. As on Linux, it counts as locked
// for ever.
void MmStruct::leave_behind(Vma& source, VirtRange from) {
    if (from == source.range()) source.forget_anon_vma();
    const VmFlags flags = source.flags() & ~vm_locked_mask;
    if (source.flags().has(vm_locked)) {
        vm_.locked += source.page_count();
        memory_.note_locked(PageCount(0), source.page_count());
        locked_left_behind_ += source.page_count();
        // Nobody unlocks the pages that stay.
        page_table_.for_each_page(source.range(), [this](VirtAddr, const Pte& pte) {
            if (pte.is_resident() && memory_.counts_mappings(pte.pfn())) memory_.frames().set_left_locked(pte.pfn());
        });
    }
    account(source.flags(), source.page_count(), Change::remove);
    account(flags, source.page_count(), Change::add);
    source.set_flags(flags);
    // The flags may be a neighbour's now; as on Linux the two stay apart.
    leave_apart(source);
}

// --- remap_file_pages ------------------------------------------------------------------------------------------------

Result<Remapped> MmStruct::remap_file_pages(VirtAddr address, std::uint64_t length_bytes, std::uint64_t prot,
                                            std::uint64_t pgoff, std::uint64_t read_implies) {
    const VirtAddr start = address.page_floor();
    const std::uint64_t size_bytes = length_bytes & ~page_mask;
    const auto end = start.checked_add(size_bytes);
    if (prot != 0 || !end || size_bytes == 0) return fail(Errno::einval);
    if (pgoff + (size_bytes >> page_shift) < pgoff) return fail(Errno::einval);
    const Vma* first = vma_at(start);
    if (first == nullptr || !first->is_shared()) return fail(Errno::einval);
    const Vma* last = first;
    while (last->end() < *end) {
        const Vma* next = last->next();
        if (next == nullptr || next->start() != last->end() || !(next->backing() == first->backing()) ||
            !(next->flags() == first->flags())) {
            return fail(Errno::einval);
        }
        last = next;
    }
    const VmFlags flags = first->flags();
    const bool implies = flags.has(vm_read) && flags.has(vm_mayexec);
    MapRequest request{.hint = start,
                       .length_bytes = size_bytes,
                       .prot = (flags.bits() & vm_access_flags.bits()) | (implies ? read_implies : 0),
                       .flags = map_shared | map_fixed | (flags.has(vm_locked) ? map_locked : 0),
                       .pgoff = pgoff};
    if (const auto* backing = std::get_if<FileBacking>(&first->backing())) request.file = backing->file;
    request.observer = first->content().observer;
    const auto mapped = map(request);
    if (!mapped) return fail(mapped.error());
    return Remapped{.start = *mapped, .to_populate = VirtRange{*mapped, *mapped + size_bytes}};
}

}  // namespace fl::mm
