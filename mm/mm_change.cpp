// MmStruct: giving a part of the address space other flags (mm/vma.c), and mprotect (mm/mprotect.c).
#include "mm/mm_struct.hpp"

#include <algorithm>

namespace fl::mm {

using emu::Pte;

namespace {

constexpr std::uint64_t prot_sem = 8;  // means nothing on x86; accepted

// Whether the part of `vma` inside `range`, at an end of it, joins its neighbour once it is `content`: then a boundary
// moves and no VMA is added.
bool joins_neighbour(const Vma& vma, VirtRange range, const VmaContent& content) {
    const MergeSide part(range, content, vma.anon_vma(), vma.is_fork_child());
    return (vma.previous() != nullptr && can_join(*vma.previous(), part)) ||
           (vma.next() != nullptr && can_join(part, *vma.next()));
}

}  // namespace

Result<Vma*> MmStruct::change_flags(Vma& vma, VirtRange range, VmFlags flags) {
    if (Vma* joined = move_boundary(vma, range, flags)) return joined;
    return change_vma(vma, range, {flags, vma.userfault(), vma.policy()});
}

// Who counts its VMAs has a part of one given to its neighbour without one more in between (vma_merge_existing_range).
// nullptr: that cannot be.
Vma* MmStruct::move_boundary(Vma& vma, VirtRange range, VmFlags flags) {
    if (vma.observer() == nullptr || vma.flags() == flags || range == vma.range()) return nullptr;
    VmaContent content = vma.content_from(range.start);
    content.flags = flags;
    const MergeSide part(range, content, vma.anon_vma(), vma.is_fork_child());
    Vma* joined = nullptr;
    if (range.start == vma.start() && vma.previous() != nullptr && can_join(*vma.previous(), part)) {
        joined = vma.previous();
        resize(vma, VirtRange{range.end, vma.end()});
        resize(*joined, VirtRange{joined->start(), range.end});
    } else if (range.end == vma.end() && vma.next() != nullptr && can_join(part, *vma.next())) {
        joined = vma.next();
        resize(vma, VirtRange{vma.start(), range.start});
        resize(*joined, VirtRange{range.start, joined->end()});
    }
    if (joined == nullptr) return nullptr;
    account(vma.flags(), range.page_count(), Change::remove);
    account(flags, range.page_count(), Change::add);
    if (joined->anon_vma() == nullptr && vma.anon_vma() != nullptr) joined->clone_anon_vma(vma);
    return joined;
}

Result<Vma*> MmStruct::change_vma(Vma& vma, VirtRange range, VmaAttributes attributes) {
    const auto& [flags, userfault, policy] = attributes;
    if (vma.flags() == flags && vma.userfault() == userfault && vma.policy() == policy) return &vma;
    const std::uint64_t splits = (range.start > vma.start() ? 1U : 0U) + (range.end < vma.end() ? 1U : 0U);
    // The kernel's own ranges stay in one piece (special_mapping_split).
    if (splits > 0 && vma.is_special()) return fail(Errno::einval);
    if (splits > 0 && map_count() + splits > max_map_count) {
        VmaContent content = vma.content_from(range.start);
        content.flags = flags;
        content.userfault = userfault;
        content.policy = policy;
        if (!joins_neighbour(vma, range, content)) return fail(Errno::enomem);
    }
    const auto reserved = objects_.reserve({.vmas = splits, .chains = splits * vma.anon_vma_chain().size()});
    if (!reserved) return fail(reserved.error());

    Vma* part = &vma;
    if (range.start > part->start()) part = &split_at(*part, range.start);
    if (range.end < part->end()) split_at(*part, range.end);
    account(part->flags(), part->page_count(), Change::remove);
    account(flags, part->page_count(), Change::add);
    part->set_flags(flags);
    vmas_.note_change(part->range());
    part->set_userfault(userfault);
    part->set_policy(policy);
    return &merge_neighbours(*part);
}

Result<void> MmStruct::set_policy(VirtRange range, const MemoryPolicy& policy) {
    for (VirtAddr at = range.start; at < range.end;) {
        Vma* vma = vmas_.find(at);
        if (vma == nullptr || vma->start() >= range.end) break;
        const VirtRange part{std::max(at, vma->start()), std::min(range.end, vma->end())};
        at = part.end;
        const auto changed = change_vma(*vma, part, {vma->flags(), vma->userfault(), policy});
        if (!changed) return fail(changed.error());
    }
    return {};
}

Result<void> MmStruct::protect(VirtAddr start, std::uint64_t length_bytes, std::uint64_t prot,
                               const Populate& populate) {
    const std::uint64_t grows = prot & (prot_growsdown | prot_growsup);
    prot &= ~grows;
    if (grows == (prot_growsdown | prot_growsup) || !start.page_aligned()) return fail(Errno::einval);
    if (length_bytes == 0) return {};
    const auto wanted_end = start.checked_add(length_bytes);
    if (!wanted_end || wanted_end->value() > ~page_mask) return fail(Errno::enomem);
    const VirtAddr end = wanted_end->page_ceil();
    if ((prot & ~(prot_read | prot_write | prot_exec | prot_sem)) != 0) return fail(Errno::einval);

    Vma* vma = vmas_.find(start);
    if (vma == nullptr) return fail(Errno::enomem);
    if (grows == prot_growsdown) {
        if (vma->start() >= end) return fail(Errno::enomem);
        if (!vma->flags().has(vm_growsdown)) return fail(Errno::einval);
        start = vma->start();
    } else {
        if (vma->start() > start) return fail(Errno::enomem);
        // No VMA of x86-64 grows upwards.
        if (grows == prot_growsup) return fail(Errno::einval);
    }
    // As on Linux, the VMAs before a hole or a refusal are changed when the call fails.
    while (start < end) {
        vma = vmas_.find(start);
        if (vma == nullptr || vma->start() > start) return fail(Errno::enomem);
        const VirtRange part{start, std::min(end, vma->end())};
        const bool copied_on_write = (vma->flags() & (vm_write | vm_shared | vm_locked)) == vm_locked;
        if (const auto changed = protect_part(*vma, part, prot); !changed) return fail(changed.error());
        // Locked memory that may be written now is copied at once, so that no write has to wait (mprotect_fixup).
        if (populate && copied_on_write && (prot & prot_write) != 0) populate(part);
        start = part.end;
    }
    return {};
}

Result<Vma*> MmStruct::protect_part(Vma& vma, VirtRange range, std::uint64_t prot) {
    const VmFlags old_flags = vma.flags();
    VmFlags flags = (old_flags & ~vm_access_flags) | VmFlags(prot & (prot_read | prot_write | prot_exec));
    // The MAY bits are the access bits four places up: what the backing allows.
    if ((flags.bits() & ~(flags.bits() >> 4) & vm_access_flags.bits()) != 0) return fail(Errno::eacces);
    if (old_flags.has(vm_sealed)) return fail(Errno::eperm);
    if (flags == old_flags) return &vma;

    const PageCount pages = range.page_count();
    if (flags.has(vm_write)) {
        if (!may_expand(flags, pages) && may_expand(old_flags, pages)) return fail(Errno::enomem);
        if (!old_flags.has_any(vm_account | vm_write | vm_shared | vm_noreserve)) {
            if (!may_commit(pages)) return fail(Errno::enomem);
            flags = flags | vm_account;
        }
    } else if (old_flags.has(vm_account) && vma.is_anonymous() && vma.anon_vma() == nullptr) {
        // Nothing private was ever written: the promise is given back.
        flags = flags & ~vm_account;
    }
    auto changed = change_flags(vma, range, flags);
    if (changed) apply_protection(**changed, range);
    return changed;
}

void MmStruct::apply_protection(const Vma& vma, VirtRange range) {
    split_large_pages_across(range);
    page_table_.for_each_entry(range, [&](VirtAddr, Pte& slot) {
        const Pte old = slot;
        if (!old.is_resident()) return;
        const Pte now = protected_pte(vma, old);
        slot = now;
        const bool lost = (old.is_present() && !now.is_present()) || (old.writable() && !now.writable()) ||
                          (old.executable() && !now.executable());
        if (lost && memory_.tlb_may_hold(old)) effects_.tlb_stale = true;
    });
}

// The entry under the VMA's rights. A page that somebody else may see stays read-only, so that a write still comes to
// the fault handler: a private one unless it is known to be this mapping's alone, a page of a file that is written
// back unless it is dirty already (can_change_pte_writable).
Pte MmStruct::protected_pte(const Vma& vma, Pte pte) const {
    FL_ASSERT(pte.is_resident());
    if (!vma.is_accessible()) return pte.with_prot_none();
    emu::PteAccess access = vma_access(vma.flags());
    if (!vma.is_shared()) {
        const Frame& frame = memory_.frames()[pte.pfn()];
        access.writable = access.writable && frame.state == FrameState::anonymous && frame.anon_exclusive;
    } else if (vma.file() != nullptr && vma.file()->wants_write_notify()) {
        access.writable = access.writable && pte.dirty();
    }
    access.writable = access.writable && !pte.is_write_protected();
    return pte.with_access(access);
}

}  // namespace fl::mm
