// MmStruct: fork's half of memory management (kernel/fork.c, dup_mmap; mm/memory.c, copy_page_range).
#include "mm/mm_struct.hpp"

#include "mm/reclaimer.hpp"

#include <algorithm>

namespace fl::mm {

using emu::Pte;

namespace {

// Without private pages there is nothing in the tables that a fault could not bring again (vma_needs_copy).
bool needs_page_copy(const Vma& vma) { return vma.anon_vma() != nullptr || vma.flags().has(vm_pfnmap); }

}  // namespace

Result<std::unique_ptr<MmStruct>> MmStruct::fork() {
    auto created = create(memory_, files_, limits_);
    if (!created) return created;
    MmStruct& child = **created;
    child.mmap_base_ = mmap_base_;
    child.start_brk_ = start_brk_;
    child.brk_ = brk_;
    child.bounds_ = bounds_;
    child.exe_file_ = exe_file_;
    child.saved_auxv_ = saved_auxv_;
    child.history_ = history_;
    child.def_flags_ = def_flags_ & ~vm_locked_mask;
    child.thp_disabled_ = thp_disabled_;
    child.membarrier_registrations_ = membarrier_registrations_;
    child.hiwater_rss_ = rss_.total();
    child.hiwater_vm_ = vm_.total;
    for (Vma* vma = vmas_.find(VirtAddr(0)); vma != nullptr; vma = vma->next()) {
        if (vma->flags().has(vm_dontcopy)) continue;
        // What the child has so far goes with it.
        if (const auto copied = fork_vma(*vma, child); !copied) {
            // Nobody is told of a child that is not there.
            userfault_events_.clear();
            return fail(copied.error());
        }
    }
    return created;
}

Result<void> MmStruct::fork_vma(Vma& vma, MmStruct& child) {
    if (vma.flags().has(vm_account) && !child.may_commit(vma.page_count())) return fail(Errno::enomem);
    // A family of its own as well, where it takes over none.
    const std::size_t chains = vma.anon_vma() != nullptr ? vma.anon_vma_chain().size() + 1 : 0;
    const auto reserved = child.objects_.reserve({.vmas = 1, .chains = chains, .families = chains > 0 ? 1U : 0U});
    if (!reserved) return fail(reserved.error());
    VmaContent content = vma.content();
    content.flags = content.flags & ~vm_locked_mask;
    fork_userfault(content);
    Vma& copy = child.insert(vma.range(), std::move(content));
    const bool keeps_pages = !vma.flags().has(vm_wipeonfork);
    if (keeps_pages) copy.fork_anon_vma(vma);
    // Without the locks, or with other families, neighbours may be equal that were not.
    leave_apart(copy);
    const bool copies_pages = needs_page_copy(vma) || copy.flags().has(vm_uffd_wp);
    return keeps_pages && copies_pages ? fork_pages(vma, child) : Result<void>{};
}

Result<void> MmStruct::fork_pages(const Vma& vma, MmStruct& child) {
    Result<void> outcome;
    page_table_.for_each_leaf_table(vma.range(), [&](VirtAddr start) {
        if (outcome && page_table_.find(start)->is_large()) outcome = fork_large_page(start, child);
        // It may have been split for a table that the child needed.
        if (!outcome || page_table_.find(start)->is_large()) return;
        const VirtRange covered = huge_page_range(start);
        const VirtRange part{std::max(covered.start, vma.start()), std::min(covered.end, vma.end())};
        outcome = fork_small_pages(vma, part, child);
    });
    return outcome;
}

// copy_huge_pmd(): both sides map the same frames, and neither may write to them.
Result<void> MmStruct::fork_large_page(VirtAddr start, MmStruct& child) {
    const auto target = child.page_table_.ensure_upper(start);
    if (!target) return fail(target.error());
    if (const auto kept = child.page_table_.deposit(); !kept) return kept;
    Pte& slot = *page_table_.find(start);
    if (!slot.is_large()) {
        child.page_table_.drop_deposit();
        return {};
    }
    for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) {
        memory_.frames().set_anon_exclusive(slot.pfn() + i, false);
        memory_.add_reference(slot.pfn() + i);
    }
    write_protect_for_sharing(slot);
    child.install_large(*target, slot.without_accessed());
    return {};
}

// All of `range` lies in what one table of the last level covers.
Result<void> MmStruct::fork_small_pages(const Vma& vma, VirtRange range, MmStruct& child) {
    const bool protects = child.vmas_.find(vma.start())->flags().has(vm_uffd_wp);
    Result<void> outcome;
    // The child's entry of the page before.
    Pte* last = nullptr;
    VirtAddr last_address;
    page_table_.for_each(range, [&](VirtAddr address, Pte& slot) {
        if (!outcome || (slot == Pte::write_protected() && !protects)) return;
        // A table for the child may cost this entry its page, and where the page is a file's or given up, the entry
        // too.
        if (last != nullptr) {
            last += (address - last_address) / page_size;
        } else if (const auto target = child.page_table_.ensure(address)) {
            last = *target;
        } else {
            outcome = fail(target.error());
            return;
        }
        last_address = address;
        if (slot.is_none() || (slot == Pte::write_protected() && !protects)) return;
        if (slot.is_marker()) {
            *last = slot;
            return;
        }
        if (slot.is_swapped()) {
            // copy_nonpresent_pte()
            slot = slot.without_exclusive();
            memory_.reclaimer()->swap()->add_reference(slot.slot());
            child.swap_entries_ += PageCount(1);
            *last = protects ? slot : slot.without_write_protection();
            return;
        }
        share_page(vma, slot);
        // The child has not touched it yet.
        Pte copied = slot.without_accessed();
        if (vma.is_shared()) copied = copied.without_dirty();
        if (!protects) copied = copied.without_write_protection();
        if (memory_.counts_mappings(copied.pfn())) memory_.add_reference(copied.pfn());
        child.install(last, copied);
    });
    return outcome;
}

// Before the entry is copied: a private page can no longer be written to by either side.
void MmStruct::share_page(const Vma& vma, Pte& slot) {
    if (vma.is_shared()) return;
    if (memory_.frames()[slot.pfn()].state == FrameState::anonymous) {
        memory_.frames().set_anon_exclusive(slot.pfn(), false);
    }
    write_protect_for_sharing(slot);
}

void MmStruct::write_protect_for_sharing(Pte& slot) {
    if (!slot.writable()) return;
    if (memory_.tlb_may_hold(slot)) effects_.tlb_stale = true;
    slot = slot.without_writable();
}

}  // namespace fl::mm
