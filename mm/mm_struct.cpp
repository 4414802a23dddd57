// MmStruct: birth and death, what every mutator shares, and the views. The system calls are in mm_*.cpp: mm_map mmap
// and munmap, mm_change mprotect, mm_advise madvise, mm_lock mlock, mm_sync mincore and msync, mm_grow brk and the
// stack.
#include "mm/mm_struct.hpp"

#include "mm/reclaimer.hpp"

#include <algorithm>
#include <atomic>

namespace fl::mm {

using emu::Pte;

namespace {

std::uint32_t next_mm_id() {
    static std::atomic<std::uint32_t> last{0};
    return ++last;
}

// Where the mmap area starts, going down (arch/x86/mm/mmap.c, mmap_base): the stack's limit plus its guard below the
// stack's top, at least 128 MiB and at most five sixths of the user half.
VirtAddr mmap_base_for(std::uint64_t stack_limit_bytes) {
    constexpr std::uint64_t least = 128ULL << 20;
    constexpr std::uint64_t most = task_size.value() / 6 * 5;
    std::uint64_t gap = stack_limit_bytes;
    if (gap + stack_guard_gap_bytes > gap) gap += stack_guard_gap_bytes;
    gap = std::clamp(gap, least, most);
    return VirtAddr(task_size.value() - gap).page_floor();
}

}  // namespace

emu::PteAccess vma_access(VmFlags flags) {
    return emu::PteAccess{
        .writable = flags.has(vm_write), .user = flags.has_any(vm_access_flags), .executable = flags.has(vm_exec)};
}

emu::Pte vm_page_prot(VmFlags flags) {
    emu::PteAccess access = vma_access(flags);
    access.writable = access.writable && flags.has(vm_shared);
    const Pte pte = Pte::present(Pfn(0), access);
    return access.user ? pte : pte.with_prot_none();
}

Result<std::unique_ptr<MmStruct>> MmStruct::create(PhysicalMemory& memory, FileRegistry& files,
                                                   const ResourceLimits& limits) {
    auto object = new_kernel_object(memory, KernelObject::mm_struct);
    if (!object) return fail(object.error());
    auto page_table = PageTable::create(memory);
    if (!page_table) return fail(page_table.error());
    std::unique_ptr<MmStruct> mm(new MmStruct(memory, files, std::move(*page_table), limits));
    mm->object_ = std::move(*object);
    return mm;
}

MmStruct::MmStruct(PhysicalMemory& memory, FileRegistry& files, PageTable page_table, const ResourceLimits& limits)
    : memory_(memory),
      files_(files),
      page_table_(std::move(page_table)),
      limits_(limits),
      id_(next_mm_id()),
      mmap_base_(mmap_base_for(limits.stack_bytes)) {}

MmStruct::~MmStruct() {
    exit_mmap();
    FL_ASSERT(rss_.total() == PageCount(0) && swap_entries_ == PageCount(0) && vm_ == VmCounters{});
    if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->forget_mm(*this);
}

void MmStruct::exit_mmap() {
    if (vmas_.first() != nullptr) commit_unmap(VirtRange{vmas_.first()->start(), vmas_.last()->end()});
    memory_.note_locked(locked_left_behind_, PageCount(0));
    vm_.locked -= std::exchange(locked_left_behind_, PageCount(0));
    userfault_events_.clear();
}

// --- pages ---------------------------------------------------------------------------------------------------------

PageCount& MmStruct::rss_of(Pfn pfn) {
    switch (memory_.frames()[pfn].state) {
        case FrameState::anonymous: return rss_.anonymous;
        case FrameState::file_cache:
        case FrameState::special: return rss_.file;
        case FrameState::shared_memory: return rss_.shared_memory;
        case FrameState::free:
        case FrameState::reserved:
        case FrameState::page_table:
        case FrameState::slab:
        case FrameState::kernel_stack:
        case FrameState::zero_page:
        case FrameState::kernel_table:
        case FrameState::memory_map:
        case FrameState::vmalloc: break;
    }
    FL_ASSERT(!"a PTE points to a frame that is no user page");
    return rss_.anonymous;
}

void MmStruct::install(Pte* slot, Pte pte) {
    FL_ASSERT(pte.is_resident());
    const Pte old = *slot;
    if (memory_.counts_mappings(pte.pfn())) {
        memory_.frames().add_mapping(pte.pfn(), slot);
        rss_of(pte.pfn()) += PageCount(1);
    }
    *slot = pte;
    if (old.is_resident()) forget_page(old);
    note_high_water();
}

// The books of an entry that is gone, or about to be.
void MmStruct::forget_page(Pte pte) {
    if (memory_.tlb_may_hold(pte)) effects_.tlb_stale = true;
    if (!memory_.counts_mappings(pte.pfn())) return;
    rss_of(pte.pfn()) -= PageCount(1);
    const Frame& frame = memory_.frames()[pte.pfn()];
    const bool has_copy = frame.state != FrameState::anonymous || frame.slot != 0;
    if (pte.dirty() && has_copy) memory_.frames().set_dirty(pte.pfn(), true);
    // Who stays hears that it was touched (zap_present_folio_ptes).
    if (pte.accessed()) memory_.frames().set_referenced(pte.pfn(), true);
    memory_.frames().drop_mapping(pte.pfn());
    // Nobody will come back for what is in swap.
    if (frame.slot != 0 && frame.map_count == 0 && frame.state == FrameState::anonymous) {
        memory_.reclaimer()->leave_swap_cache(pte.pfn());
    }
    memory_.release(pte.pfn());
}

void MmStruct::forget_entry(Pte pte) {
    if (!pte.is_swapped()) return forget_page(pte);
    swap_entries_ -= PageCount(1);
    memory_.reclaimer()->drop_slot(pte.slot());
}

void MmStruct::install_swapped_in(Pte* slot, Pte pte) {
    const SwapSlot swap_slot = slot->slot();
    install(slot, pte);
    swap_entries_ -= PageCount(1);
    memory_.reclaimer()->drop_slot(swap_slot);
}

void MmStruct::unmap_page(Pte& slot, Pte left) {
    const Pte old = std::exchange(slot, left);
    if (left.is_swapped()) swap_entries_ += PageCount(1);
    forget_page(old);
}

namespace {

// A page of a file may come back: who wants to hear of the first write to it still does
// (pte_install_uffd_wp_if_needed).
Pte entry_without_page(const Vma& vma, Pte pte) {
    return !vma.is_anonymous() && pte.is_write_protected() ? Pte::write_protected() : Pte::none();
}

}  // namespace

void MmStruct::zap(const Vma& vma, VirtRange range, Guards guards) {
    split_large_pages_across(range);
    page_table_.for_each_entry(range, [&](VirtAddr, Pte& slot) {
        const Pte old = slot;
        if (old.is_large()) return zap_large_page(slot);
        if (old.is_guard() && guards == Guards::keep) return;
        slot = guards == Guards::keep ? entry_without_page(vma, old) : Pte::none();
        if (!old.is_marker()) forget_entry(old);
    });
}

void MmStruct::unmap_pages(VirtRange range, PrivateCopies copies) {
    const Vma& vma = *vmas_.find(range.start);
    page_table_.for_each(range, [&](VirtAddr, Pte& slot) {
        const Pte old = slot;
        if (old.is_marker()) {
            if (old == Pte::poisoned() && copies == PrivateCopies::unmap) slot = Pte::none();
            return;
        }
        const bool is_copy = old.is_swapped() || memory_.frames()[old.pfn()].state == FrameState::anonymous;
        if (is_copy && copies == PrivateCopies::keep) return;
        slot = entry_without_page(vma, old);
        forget_entry(old);
    });
}

void MmStruct::note_high_water() { hiwater_rss_ = hiwater_rss(); }

Result<MmObjects::Reservation> MmStruct::reserve_anon_vma(const Vma& vma) {
    if (vma.anon_vma() != nullptr) return MmObjects::Reservation(objects_);
    return objects_.reserve({.chains = 1, .families = 1});
}

// A neighbour that could be merged with this VMA but for its rights lends its family, so that the two can become one
// mapping later (mm/mmap.c, find_mergeable_anon_vma).
void MmStruct::prepare_anon_vma(Vma& vma) {
    if (vma.anon_vma() != nullptr) return;
    const auto compatible = [](const Vma& low, const Vma& high) {
        const auto kind = [](VmFlags flags) { return flags & ~(vm_access_flags | vm_sticky); };
        return low.end() == high.start() && kind(low.flags()) == kind(high.flags()) &&
               low.backing() == high.backing() && high.pgoff() == low.page_index(low.end());
    };
    const auto lends = [](const Vma* neighbour) {
        return neighbour != nullptr && neighbour->anon_vma() != nullptr && !neighbour->is_fork_child();
    };
    const Vma* next = vma.next();
    const Vma* previous = vma.previous();
    if (lends(next) && compatible(vma, *next)) {
        vma.set_anon_vma(next->shared_anon_vma());
    } else if (lends(previous) && compatible(*previous, vma)) {
        vma.set_anon_vma(previous->shared_anon_vma());
    } else {
        auto family = std::make_shared<AnonVma>();
        family->hold(objects_.take_family());
        vma.set_anon_vma(std::move(family));
    }
}

// --- VMAs ----------------------------------------------------------------------------------------------------------

MergeSide::MergeSide(const Vma& vma) : MergeSide(vma.range(), vma.content(), vma.anon_vma(), vma.is_fork_child()) {}

// mm/vma.c, is_mergeable_vma and is_mergeable_anon_vma: a VMA whose pages may be an ancestor's takes nobody in who has
// no family yet.
bool can_merge(const MergeSide& low, const MergeSide& high) {
    return low.content.observer == nullptr && can_join(low, high);
}

bool can_join(const MergeSide& low, const MergeSide& high) {
    const VmaContent& a = low.content;
    const VmaContent& b = high.content;
    if (low.range.end != high.range.start || !(a.backing == b.backing)) return false;
    if (!((a.flags & ~vm_sticky) == (b.flags & ~vm_sticky))) return false;
    if (a.observer != b.observer || a.userfault != b.userfault || !(a.policy == b.policy)) return false;
    if (a.flags.has_any(vm_dontexpand)) return false;
    if (b.pgoff != a.pgoff + low.range.page_count().value()) return false;
    if (low.anon_vma == high.anon_vma) return true;
    if (low.anon_vma == nullptr) return !high.fork_child;
    return high.anon_vma == nullptr && !low.fork_child;
}

Vma& MmStruct::insert(VirtRange range, VmaContent content) {
    account(content.flags, range.page_count(), Change::add);
    auto made = std::make_unique<Vma>(range, std::move(content));
    made->hold(objects_.take_vma());
    Vma& vma = vmas_.insert(std::move(made));
    vma.attach(*this);
    return vma;
}

void MmStruct::remove(Vma& vma) {
    vma.detach();
    vmas_.remove(vma);
}

void MmStruct::resize(Vma& vma, VirtRange range) {
    split_large_pages_across(range);
    vma.leave_rmap_trees();
    vmas_.resize(vma, range);
    vma.join_rmap_trees();
}

Vma& MmStruct::merge_with_next(Vma& vma) {
    Vma* next = vma.next();
    if (next == nullptr) return vma;
    next->set_left_apart(false);
    if (!can_merge(vma, *next)) return vma;
    const VirtRange merged{vma.start(), next->end()};
    if (vma.anon_vma() == nullptr) vma.take_over_anon_vma(*next);
    vma.set_flags(vma.flags() | (next->flags() & vm_sticky));
    remove(*next);
    resize(vma, merged);
    return vma;
}

// Where the neighbours' families of private pages differ, so that not all three can be one, the lower one is joined
// (mm/vma.c, can_vma_merge_right).
Vma& MmStruct::merge_neighbours(Vma& vma) {
    Vma* merged = &vma;
    vma.set_left_apart(false);
    if (vma.previous() != nullptr && can_merge(*vma.previous(), vma)) {
        merged = &merge_with_next(*vma.previous());
    }
    return merge_with_next(*merged);
}

void MmStruct::leave_apart(Vma& vma) {
    for (Vma* upper : {&vma, vma.next()}) {
        if (upper == nullptr || upper->previous() == nullptr) continue;
        upper->set_left_apart(can_merge(*upper->previous(), *upper));
    }
}

// Cuts `vma` at `address`, which lies inside it; returns the upper part.
Vma& MmStruct::split_at(Vma& vma, VirtAddr address) {
    FL_ASSERT(vma.start() < address && address < vma.end());
    auto upper = std::make_unique<Vma>(VirtRange{address, vma.end()}, vma.content_from(address));
    upper->hold(objects_.take_vma());
    resize(vma, VirtRange{vma.start(), address});
    Vma& inserted = vmas_.insert(std::move(upper));
    inserted.attach(*this);
    inserted.clone_anon_vma(vma);
    return inserted;
}

// --- accounting ----------------------------------------------------------------------------------------------------

namespace {

bool is_data_mapping(VmFlags flags) { return (flags & (vm_write | vm_shared | vm_growsdown)) == vm_write; }

}  // namespace

void MmStruct::account(VmFlags flags, PageCount pages, Change change) {
    const auto apply = [&](PageCount& counter) { change == Change::add ? counter += pages : counter -= pages; };
    if (change == Change::remove) hiwater_vm_ = hiwater_vm();
    apply(vm_.total);
    if ((flags & (vm_exec | vm_write | vm_growsdown)) == vm_exec) {
        apply(vm_.exec);
    } else if (flags.has(vm_growsdown)) {
        apply(vm_.stack);
    } else if (is_data_mapping(flags)) {
        apply(vm_.data);
    }
    if (flags.has(vm_locked)) {
        const PageCount before = vm_.locked;
        apply(vm_.locked);
        memory_.note_locked(before, vm_.locked);
    }
}

bool MmStruct::may_expand(VmFlags flags, PageCount pages) const {
    if ((vm_.total + pages).value() > limits_.address_space_bytes >> page_shift) return false;
    if (!is_data_mapping(flags)) return true;
    // A soft limit of 0 is no limit below the hard one: a debugger sets it to make brk fail.
    const std::uint64_t data_bytes = limits_.data_bytes == 0 ? limits_.data_hard_bytes : limits_.data_bytes;
    return (vm_.data + pages).value() <= data_bytes >> page_shift;
}

// Overcommit by heuristic (vm.overcommit_memory = 0): one request may not exceed all of RAM and swap.
bool MmStruct::may_commit(PageCount pages) const {
    PageCount all = memory_.buddy().managed_page_count();
    const Reclaimer* reclaimer = memory_.reclaimer();
    if (reclaimer != nullptr && reclaimer->swap() != nullptr) all += reclaimer->swap()->slot_count();
    return pages <= all;
}

PageCount MmStruct::pages_in(VirtRange range) const {
    PageCount pages;
    for (const Vma* vma = vmas_.find(range.start); vma != nullptr && vma->start() < range.end; vma = vma->next()) {
        pages += VirtRange{std::max(vma->start(), range.start), std::min(vma->end(), range.end)}.page_count();
    }
    return pages;
}

// --- views ---------------------------------------------------------------------------------------------------------

VirtAddr MmStruct::highest_vm_end() const { return vmas_.last() != nullptr ? vmas_.last()->end() : VirtAddr(0); }

PageCount MmStruct::shared_vm() const {
    PageCount pages;
    for (const Vma* vma = vmas_.first(); vma != nullptr; vma = vma->next()) {
        if (vma->file() != nullptr) pages += vma->page_count();
    }
    return pages;
}

std::string MmStruct::vma_name(const Vma& vma) const {
    if (const File* file = vma.file()) return file->identity().path;
    if (const SpecialBacking* special = vma.special()) return special->name;
    if (vma.start() < brk_ && vma.end() > start_brk_) return "[heap]";
    if (vma.start() <= bounds_.start_stack && bounds_.start_stack <= vma.end()) return "[stack]";
    return "";
}

VmaSnapshot MmStruct::snapshot(const Vma& vma) const {
    const auto* backing = std::get_if<FileBacking>(&vma.backing());
    return VmaSnapshot{.range = vma.range(),
                       .flags = vma.flags(),
                       .name = vma_name(vma),
                       .file = backing != nullptr ? backing->file->shared_identity() : nullptr,
                       .pgoff = vma.pgoff()};
}

}  // namespace fl::mm
