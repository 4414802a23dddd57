// MmStruct: memory whose faults a userfaultfd answers: who looks after which VMAs, pages that it fills in, and writes
// that it wants to hear of (Linux: fs/userfaultfd.c, mm/userfaultfd.c).
#include "mm/mm_struct.hpp"

#include <algorithm>
#include <cstring>

namespace fl::mm {

using emu::Pte;

namespace {

// vma_is_shmem(): a System V segment has operations of its own.
bool is_shared_memory(const Vma& vma) {
    return vma.file() != nullptr && vma.file()->kind() == FileKind::shared_memory && vma.observer() == nullptr;
}

// vma_can_userfault()
bool may_register(const Vma& vma, VmFlags flags, const UserfaultContext& context) {
    if (vma.flags().has(vm_droppable) || vma.is_special()) return false;
    if (flags.has(vm_uffd_minor) && !is_shared_memory(vma)) return false;
    if (context.has(uffd_feature_wp_async) && (flags & vm_uffd_flags) == vm_uffd_wp) return true;
    return vma.is_anonymous() || is_shared_memory(vma);
}

VirtRange intersection(VirtRange a, VirtRange b) { return {std::max(a.start, b.start), std::min(a.end, b.end)}; }

// Where no page is a write may yet have to be told (userfaultfd_wp_use_markers).
bool uses_markers(const Vma& vma) { return vma.file() != nullptr || vma.userfault()->has(uffd_feature_wp_unpopulated); }

// An entry as it is made for a page that somebody fills in (mfill_atomic_install_pte).
Pte filled_entry(const Vma& vma, Pfn pfn, WriteProtection protection, bool writable) {
    emu::PteAccess access = vma_access(vma.flags());
    access.writable = access.writable && writable;
    Pte pte = Pte::present(pfn, access).with_accessed().with_dirty();
    if (protection == WriteProtection::on) pte = pte.with_write_protection();
    return vma.is_accessible() ? pte : pte.with_prot_none();
}

}  // namespace

Result<void> MmStruct::register_userfault(VirtRange range, VmFlags flags,
                                          const std::shared_ptr<UserfaultContext>& context) {
    if (vmas_.find_intersection(range) == nullptr) return fail(Errno::einval);
    for (const Vma* vma = vmas_.find(range.start); vma != nullptr && vma->start() < range.end; vma = vma->next()) {
        if (!may_register(*vma, flags, *context)) return fail(Errno::einval);
        // Pages are filled in as by a write.
        if (!vma->flags().has(vm_maywrite)) return fail(Errno::eperm);
        if (vma->userfault() != nullptr && vma->userfault() != context) return fail(Errno::ebusy);
    }
    for (VirtAddr at = range.start; at < range.end;) {
        Vma* vma = vmas_.find(at);
        if (vma == nullptr || vma->start() >= range.end) break;
        const VirtRange part = intersection(vma->range(), VirtRange{at, range.end});
        at = part.end;
        if (vma->userfault() == context && vma->flags().has(flags)) continue;
        // What is not asked for any more leaves no trace.
        if (vma->flags().has(vm_uffd_wp) && !flags.has(vm_uffd_wp)) remove_write_protection(part);
        const auto changed = change_vma(*vma, part, {(vma->flags() & ~vm_uffd_flags) | flags, context, vma->policy()});
        if (!changed) return fail(changed.error());
    }
    return {};
}

Result<void> MmStruct::unregister_userfault(VirtRange range, const UserfaultContext& context,
                                            const PartVisitor& freed) {
    if (vmas_.find_intersection(range) == nullptr) return fail(Errno::einval);
    for (const Vma* vma = vmas_.find(range.start); vma != nullptr && vma->start() < range.end; vma = vma->next()) {
        if (vma->userfault() != nullptr && vma->userfault().get() != &context) return fail(Errno::einval);
        if (!may_register(*vma, vma->flags(), context)) return fail(Errno::einval);
    }
    for (VirtAddr at = range.start; at < range.end;) {
        Vma* vma = vmas_.find(at);
        if (vma == nullptr || vma->start() >= range.end) break;
        const VirtRange part = intersection(vma->range(), VirtRange{at, range.end});
        at = part.end;
        if (vma->userfault() == nullptr) continue;
        freed(part);
        if (const auto taken = take_from_userfault(*vma, part); !taken) return taken;
    }
    return {};
}

Result<void> MmStruct::take_from_userfault(Vma& vma, VirtRange part) {
    const bool protects = vma.flags().has(vm_uffd_wp);
    const auto changed = change_vma(vma, part, {vma.flags() & ~vm_uffd_flags, nullptr, vma.policy()});
    if (!changed) return fail(changed.error());
    if (protects) remove_write_protection(part);
    return {};
}

void MmStruct::release_userfault(const UserfaultContext& context) {
    for (VirtAddr at{0}; Vma* vma = vmas_.find(at);) {
        at = vma->end();
        // A whole VMA is not split, so that nothing can fail.
        if (vma->userfault().get() == &context) (void)take_from_userfault(*vma, vma->range());
    }
}

// --- what becomes of it in fork, munmap and mremap
// ----------------------------------------------------------------------

void MmStruct::forget_userfault(VmaContent& content) {
    content.flags = content.flags & ~vm_uffd_flags;
    content.userfault = nullptr;
}

// dup_userfaultfd(): one new context for each old one that wants to follow the child.
void MmStruct::fork_userfault(VmaContent& content) {
    if (content.userfault == nullptr) return;
    if (!content.userfault->has(uffd_feature_event_fork)) return forget_userfault(content);
    for (const UserfaultEvent& event : userfault_events_) {
        const auto* fork = std::get_if<UserfaultEvent::Fork>(&event.what);
        if (fork == nullptr || event.context != content.userfault) continue;
        content.userfault = fork->child;
        return;
    }
    auto child = content.userfault->for_child();
    userfault_events_.push_back({content.userfault, UserfaultEvent::Fork{child}});
    content.userfault = std::move(child);
}

// userfaultfd_unmap_prep(): once for each context and call.
void MmStruct::note_unmap(const Vma& vma, VirtRange range) {
    const auto& context = vma.userfault();
    if (context == nullptr || !context->has(uffd_feature_event_unmap)) return;
    const bool known = std::ranges::any_of(userfault_events_, [&](const UserfaultEvent& event) {
        const auto* unmap = std::get_if<UserfaultEvent::Unmap>(&event.what);
        return unmap != nullptr && event.context == context && unmap->range == range;
    });
    if (!known) userfault_events_.push_back({context, UserfaultEvent::Unmap{range}});
}

// --- pages that are filled in ----------------------------------------------------------------------------------------

Result<Vma*> MmStruct::fill_target(const FillRequest& request) {
    Vma* vma = vma_at(request.range.start);
    if (vma == nullptr || vma->userfault() == nullptr || request.range.end > vma->end()) return fail(Errno::enoent);
    const bool protects = request.protection == WriteProtection::on;
    if (protects && !vma->flags().has(vm_uffd_wp)) return fail(Errno::einval);
    const bool shared_memory = is_shared_memory(*vma);
    if (!vma->is_anonymous() && !shared_memory) return fail(Errno::einval);
    if (request.fill == UserfaultFill::from_cache && !shared_memory) return fail(Errno::einval);
    return vma;
}

Result<void> MmStruct::may_fill(const FillRequest& request) {
    const auto target = fill_target(request);
    return target ? Result<void>{} : fail(target.error());
}

Result<void> MmStruct::fill_page(const FillRequest& request, VirtAddr page, std::span<const std::byte> bytes) {
    const auto target = fill_target(request);
    if (!target) return fail(target.error());
    Vma* vma = *target;
    const bool from_cache = request.fill == UserfaultFill::from_cache;
    split_large_page(page);
    const auto slot = page_table_.ensure(page);
    if (!slot) return fail(slot.error());
    const bool past_end = vma->file() != nullptr && vma->page_index(page) >= vma->file()->page_count().value();
    if (past_end) return fail(from_cache ? Errno::einval : Errno::efault);

    const bool needs_empty =
        request.fill == UserfaultFill::poison || (request.fill == UserfaultFill::zero && !vma->is_shared());
    const Pte old = **slot;
    const bool is_empty = old.is_none() || (!needs_empty && old.is_marker() && !old.is_guard());
    if (!is_empty && !from_cache) return fail(Errno::eexist);
    if (request.fill == UserfaultFill::poison) {
        **slot = Pte::poisoned();
        return {};
    }
    const bool in_file = from_cache || vma->is_shared();
    if (!in_file) {
        const auto reserved = reserve_anon_vma(*vma);
        if (!reserved) return fail(reserved.error());
        prepare_anon_vma(*vma);
    }
    const auto entry = in_file ? fill_shared(*vma, request, page, bytes) : fill_private(*vma, request, page, bytes);
    if (!entry) return fail(entry.error());
    if (!is_empty) return fail(Errno::eexist);
    if (in_file) memory_.add_reference(entry->pfn());
    install(*slot, *entry);
    return {};
}

// mfill_atomic_pte_copy(), mfill_atomic_pte_zeropage(): a page of the mapping's own, or the page of zeroes.
Result<Pte> MmStruct::fill_private(const Vma& vma, const FillRequest& request, VirtAddr page,
                                   std::span<const std::byte> bytes) {
    if (request.fill == UserfaultFill::zero) {
        emu::PteAccess access = vma_access(vma.flags());
        access.writable = false;
        const Pte pte = Pte::present(memory_.zero_page(), access).with_accessed();
        return vma.is_accessible() ? pte : pte.with_prot_none();
    }
    const auto pfn = memory_.allocate(FrameState::anonymous, Fill::caller);
    if (!pfn) return fail(pfn.error());
    std::memcpy(memory_.ram().frame(*pfn).data(), bytes.data(), page_size);
    memory_.frames().set_anchor(*pfn, RmapAnchor::of(*vma.anon_vma(), vma.page_index(page)));
    memory_.frames().set_anon_exclusive(*pfn, true);
    return filled_entry(vma, *pfn, request.protection, true);
}

// shmem_mfill_atomic_pte(), mfill_atomic_pte_continue(): a new page of the file, or the one that it has. ENOMEM;
// EEXIST, EFAULT.
Result<Pte> MmStruct::fill_shared(const Vma& vma, const FillRequest& request, VirtAddr page,
                                  std::span<const std::byte> bytes) {
    File& file = *vma.file();
    const std::uint64_t index = vma.page_index(page);
    const bool is_there = file.holds(index);
    if (request.fill == UserfaultFill::from_cache) {
        if (!is_there) return fail(Errno::efault);
    } else if (is_there) {
        return fail(Errno::eexist);
    }
    const auto pfn = file.read_page(index);
    if (!pfn) return fail(pfn.error());
    if (request.fill == UserfaultFill::copy) {
        std::memcpy(memory_.ram().frame(*pfn).data(), bytes.data(), page_size);
        memory_.ram().code_frames().note_rewritten(*pfn);
    }
    file.mark_dirty(*pfn);
    return filled_entry(vma, *pfn, request.protection, vma.is_shared());
}

// --- writes that are told --------------------------------------------------------------------------------------------

Result<void> MmStruct::write_protect(VirtRange range, WriteProtection protection) {
    Result<void> outcome = fail(Errno::enoent);
    for (Vma* vma = vmas_.find(range.start); vma != nullptr && vma->start() < range.end; vma = vma->next()) {
        if (!vma->flags().has(vm_uffd_wp)) return fail(Errno::enoent);
        outcome = set_write_protection(*vma, intersection(vma->range(), range), protection);
        if (!outcome) return outcome;
    }
    return outcome;
}

// uffd_wp_range(), change_pte_range().
Result<void> MmStruct::set_write_protection(const Vma& vma, VirtRange part, WriteProtection protection) {
    if (protection == WriteProtection::none) {
        remove_write_protection(part);
        return {};
    }
    split_large_pages(part);
    if (uses_markers(vma)) {
        for (VirtAddr at = part.start; at < part.end; at = at + page_size) {
            const auto slot = page_table_.ensure(at);
            if (!slot) return fail(slot.error());
            if ((*slot)->is_none()) **slot = Pte::write_protected();
        }
    }
    page_table_.for_each(part, [this](VirtAddr, Pte& slot) {
        if (!slot.is_resident() && !slot.is_swapped()) return;
        if (slot.writable() && memory_.tlb_may_hold(slot)) effects_.tlb_stale = true;
        slot = slot.with_write_protection();
    });
    return {};
}

// All of the range lies in one VMA.
void MmStruct::remove_write_protection(VirtRange range) {
    const Vma& vma = *vmas_.find(range.start);
    // No large page is protected.
    page_table_.for_each_entry(range, [&](VirtAddr, Pte& slot) {
        if (slot == Pte::write_protected()) {
            slot = Pte::none();
        } else if (slot.is_resident() && slot.is_write_protected()) {
            slot = protected_pte(vma, slot.without_write_protection());
        } else if (slot.is_swapped()) {
            slot = slot.without_write_protection();
        }
    });
}

}  // namespace fl::mm
