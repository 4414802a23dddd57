// Accesses through the page tables and not by the processor (mm/gup.c): stacks do not grow for them. Those of
// /proc/PID/mem are not stopped by a mapping's rights (access_process_vm with FOLL_FORCE), those of process_vm_readv
// are.
#include "mm/fault_handler.hpp"
#include "mm/user_memory.hpp"

#include <algorithm>
#include <cstring>

namespace fl::mm {

using emu::Access;
using emu::Mode;
using emu::Pte;

namespace {

// check_vma_flags. With force: what could be read, were it not for mprotect; private memory that could be written.
bool may_reach(VmFlags flags, Access access, Rights rights) {
    if (flags.has_any(vm_io | vm_pfnmap)) return false;
    if (rights == Rights::obeyed) return flags.has(access == Access::read ? vm_read : vm_write);
    if (access == Access::read) return flags.has_any(vm_read | vm_mayread);
    return flags.has(vm_write) || (!flags.has(vm_shared) && flags.has(vm_maywrite));
}

}  // namespace

Result<Pfn> FaultHandler::reach(VirtAddr address, Access access, Rights rights) {
    userfault_.reset();
    Scope scope(*this, emu::PageFault{address, access, Mode::kernel, 0});
    Vma* vma = address < task_size ? mm_->vmas().find(address) : nullptr;
    if (vma == nullptr || vma->start() > address || !may_reach(vma->flags(), access, rights)) {
        return fail(Errno::efault);
    }
    Pte* slot = mm_->page_table().find(address);
    const Pte before = slot != nullptr ? *slot : Pte::none();
    const std::uint32_t code = (access == Access::write ? emu::PageFaultCode::write : 0U) |
                               (before.is_present() ? emu::PageFaultCode::present : 0U);
    const emu::PageFault fault{address, access, Mode::kernel, code};
    FaultSituation asked = situation(vma, fault, before.at(address), false);
    asked.forced = rights == Rights::overridden;
    // /proc/PID/mem comes without FOLL_UNLOCKABLE: it does not wait for a userfaultfd.
    asked.cannot_wait = asked.forced;
    const FaultKind kind = classify(asked);
    // A page that is the mapping's own already takes the write although its entry forbids it (can_follow_write_pte).
    const bool own_page = kind == FaultKind::cow_reuse && !vma->flags().has(vm_write);
    if (kind != FaultKind::spurious && !own_page) {
        if (observer_ != nullptr) observer_->before_fault(sequence_ + 1, *mm_, address);
        const PageCount tables_before = mm_->page_table().table_count();
        const Resolution done = is_fatal(kind) ? refuse(kind, vma, fault) : resolve(kind, *vma, fault);
        if (!vma->is_accessible()) hide_pages(*vma, address);
        account(done);
        scope.settle();
        if (observer_ != nullptr) emit(fault, done, vma, before, tables_before);
        oom_ = oom_ || done.kind == FaultKind::oom;
        if (is_fatal(done.kind) || done.kind == FaultKind::userfault) return fail(Errno::efault);
        slot = mm_->page_table().find(address);
        // It is there now, and the write is still to be told.
        if (access == Access::write && slot->is_write_protected()) return reach(address, access, rights);
    }
    if (access == Access::write) {
        *slot = slot->with_accessed().with_dirty();
        // unpin_user_pages_dirty_lock(): the page itself, for all who map it.
        const Pfn pfn = slot->pfn_at(address);
        if (memory_.frames()[pfn].state != FrameState::anonymous) memory_.frames().set_dirty(pfn, true);
    }
    return slot->pfn_at(address);
}

// What PROT_NONE hides stays hidden: the page, and those that came with it.
void FaultHandler::hide_pages(const Vma& vma, VirtAddr address) {
    const VirtRange table = huge_page_range(address);
    const VirtRange pages{std::max(table.start, vma.start()), std::min(table.end, vma.end())};
    mm_->page_table().for_each_entry(pages, [](VirtAddr, Pte& pte) {
        if (pte.is_present()) pte = pte.with_prot_none();
    });
}

// The memory need not be that of the process that runs.
Result<Pfn> UserMemory::reach_remote(VirtAddr address, Access access, Rights rights) {
    for (;;) {
        MmStruct* const running = handler_.mm();
        handler_.set_mm(&mm_);
        const auto pfn = handler_.reach(address, access, rights);
        handler_.set_mm(running);
        if (pfn || !handler_.has_userfault() || !handler_.wait_for_userfault()) return pfn;
    }
}

template <class Use>
std::uint64_t UserMemory::for_each_remote_page(VirtAddr start, std::uint64_t size_bytes, Access access, Rights rights,
                                               Use&& use) {
    std::uint64_t done = 0;
    while (done < size_bytes) {
        const auto at = start.checked_add(done);
        if (!at) break;
        const std::uint64_t count = std::min(size_bytes - done, page_size - at->page_offset());
        const auto pfn = reach_remote(*at, access, rights);
        if (!pfn) break;
        handler_.note_kernel_access(*pfn, access);
        if (access == Access::write) mmu_.ram().note_kernel_store(*pfn);
        use(mmu_.ram().frame(*pfn).subspan(at->page_offset(), count), done);
        done += count;
    }
    return done;
}

std::uint64_t UserMemory::copy_from_remote(VirtAddr source, std::span<std::byte> into, Rights rights) {
    return for_each_remote_page(source, into.size(), Access::read, rights,
                                [&](std::span<std::byte> bytes, std::uint64_t done) {
                                    std::memcpy(into.data() + done, bytes.data(), bytes.size());
                                });
}

std::uint64_t UserMemory::copy_to_remote(VirtAddr target, std::span<const std::byte> from, Rights rights) {
    return for_each_remote_page(target, from.size(), Access::write, rights,
                                [&](std::span<std::byte> bytes, std::uint64_t done) {
                                    std::memcpy(bytes.data(), from.data() + done, bytes.size());
                                });
}

}  // namespace fl::mm
