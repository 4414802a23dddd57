#include "mm/fault_handler.hpp"

#include <algorithm>
#include <cstring>

namespace fl::mm {

using emu::Access;
using emu::FaultOutcome;
using emu::Mode;
using emu::PageFault;
using emu::Pte;
using emu::PteKind;

namespace {

// A page that has to be read brings so many with it.
constexpr PageCount read_ahead_pages{16};

// The window around `page` (mm/memory.c, do_fault_around): from the aligned start or the VMA's, whichever is higher,
// so that a window cut off below reaches further up; it ends with the VMA and with the page table.
VirtRange around(const Vma& vma, VirtAddr page, PageCount pages) {
    const std::uint64_t window_bytes = pages.bytes();
    constexpr std::uint64_t table_bytes = 512 * page_size;
    const VirtAddr start = std::max(VirtAddr(page.value() & ~(window_bytes - 1)), vma.start());
    const VirtAddr table_end((page.value() & ~(table_bytes - 1)) + table_bytes);
    return VirtRange{start, std::min({start + window_bytes, table_end, vma.end()})};
}

// uffd_disable_fault_around()
bool is_asked_page_by_page(const Vma& vma) { return vma.flags().has_any(vm_uffd_wp | vm_uffd_minor); }

// The rights of a file's page that was not asked for by a write: a private mapping has to copy it first, and a file
// that is written back has to hear of the first write (vma_wants_writenotify).
emu::PteAccess file_page_access(const Vma& vma) {
    emu::PteAccess access = vma_access(vma.flags());
    access.writable = access.writable && vma.is_shared() && !vma.file()->wants_write_notify();
    return access;
}

// An entry starts as accessed, those of the pages mapped around too: vm_page_prot has the bit on x86.
Pte new_entry(Pfn pfn, emu::PteAccess access) { return Pte::present(pfn, access).with_accessed(); }

// The frame that the kernel keeps for this place of its own range.
std::optional<Pfn> special_page(const Vma& vma, VirtAddr address) {
    const SpecialPages* pages = vma.special()->pages.get();
    return pages != nullptr ? pages->frame(vma.page_index(address)) : std::nullopt;
}

// handle_userfault(): who is asked, or SIGBUS where nobody may be.
FaultKind ask(const FaultSituation& situation) {
    const UserfaultContext& context = *situation.vma->userfault();
    const bool refused = context.has(uffd_feature_sigbus) || situation.cannot_wait ||
                         (situation.mode == Mode::kernel && context.is_user_mode_only());
    return refused ? FaultKind::sigbus : FaultKind::userfault;
}

bool is_asked_about(const FaultSituation& situation) {
    const VmFlags flags = situation.vma->flags();
    if (situation.vma->file() == nullptr) return flags.has(vm_uffd_missing);
    return flags.has(situation.in_page_cache || situation.in_swap ? vm_uffd_minor : vm_uffd_missing);
}

// A write that a context wants to be told of first.
bool is_write_protected(const Vma& vma, Pte pte) {
    return pte.is_write_protected() && vma.userfault() != nullptr && !vma.userfault()->has(uffd_feature_wp_async);
}

// An entry in the place of a marker that says so does not take the first write.
Pte under_protection(Pte old, Pte entry) {
    return old == Pte::write_protected() ? entry.with_write_protection() : entry;
}

// What it takes to have a page of a file that is not to be copied.
FaultKind kind_of_file_page(const File& file, bool in_page_cache, bool in_swap) {
    if (in_page_cache) return FaultKind::file_minor;
    if (in_swap) return FaultKind::swap_in;
    return file.kind() == FileKind::shared_memory ? FaultKind::demand_zero : FaultKind::file_major;
}

FaultKind classify_first_touch(const FaultSituation& situation) {
    const Vma& vma = *situation.vma;
    const bool write = situation.access == Access::write;
    if (const File* file = vma.file()) {
        if (situation.past_file_end) return FaultKind::sigbus;
        if (is_asked_about(situation)) return ask(situation);
        if (write && !vma.is_shared()) return FaultKind::cow;
        return kind_of_file_page(*file, situation.in_page_cache, situation.in_swap);
    }
    if (vma.special() != nullptr) {
        if (!situation.has_special_page) return FaultKind::sigbus;
        return write && !vma.is_shared() ? FaultKind::cow : FaultKind::file_minor;
    }
    if (is_asked_about(situation)) return ask(situation);
    if (situation.stack_grew) return FaultKind::stack_grow;
    return write ? FaultKind::demand_zero : FaultKind::zero_page;
}

FaultKind classify_resident(const FaultSituation& situation) {
    if (situation.access == Access::execute && !situation.vma->flags().has(vm_exec)) return FaultKind::segv_accerr;
    if (situation.access != Access::write || situation.pte.writable()) return FaultKind::spurious;
    if (is_write_protected(*situation.vma, situation.pte)) return ask(situation);
    if (situation.is_zero_page) return FaultKind::zero_upgrade;
    if (situation.vma->is_shared()) return FaultKind::write_notify;
    return situation.sole_owner ? FaultKind::cow_reuse : FaultKind::cow;
}

}  // namespace

// arch/x86/mm/fault.c, access_error, and mm/memory.c, handle_pte_fault. A fetch from a range that forbids execution
// is not refused before the page is there: the processor says only of a present page that it is not executable.
FaultKind classify(const FaultSituation& situation) {
    if (situation.vma == nullptr) return FaultKind::segv_maperr;
    if (!situation.forced && !situation.vma->is_accessible()) return FaultKind::segv_accerr;
    const bool may_write = situation.forced || situation.vma->flags().has(vm_write);
    if (situation.access == Access::write && !may_write) return FaultKind::segv_accerr;
    switch (situation.pte.kind()) {
        case PteKind::none:
        case PteKind::write_protected: return classify_first_touch(situation);
        case PteKind::swapped: return FaultKind::swap_in;
        case PteKind::guard: return FaultKind::segv_maperr;
        case PteKind::poisoned: return FaultKind::poisoned;
        case PteKind::present:
        case PteKind::prot_none: break;
    }
    return classify_resident(situation);
}

FaultOutcome FaultHandler::handle_page_fault(const PageFault& fault) {
    FL_ASSERT(mm_ != nullptr);
    Scope scope(*this, fault);
    if (observer_ != nullptr) observer_->before_fault(sequence_ + 1, *mm_, fault.address);
    const PageCount tables_before = mm_->page_table().table_count();
    bool grew = false;
    Vma* vma = find_vma_or_grow(fault.address, grew);
    const Pte* slot = fault.address < task_size ? mm_->page_table().find(fault.address) : nullptr;
    const Pte before = slot != nullptr ? *slot : Pte::none();

    const FaultKind kind = classify(situation(vma, fault, before.at(fault.address), grew));
    // The instruction may not be in memory any more once the fault is resolved.
    const VirtAddr address = observer_ != nullptr ? fault.exact_address() : fault.address;
    const Resolution done = is_fatal(kind) ? refuse(kind, vma, fault) : resolve(kind, *vma, fault);
    account(done);
    scope.settle();
    scope.expect_reference(*mm_, fault.address);
    if (observer_ != nullptr) {
        PageFault located = fault;
        located.address = address;
        located.locator = nullptr;
        emit(located, done, vma, before, tables_before);
    }
    if (is_fatal(done.kind) || done.kind == FaultKind::userfault) {
        last_fatal_ = done.kind;
        oom_ = oom_ || done.kind == FaultKind::oom;
        return FaultOutcome::fatal;
    }
    // In kernel mode the effects wait for the end of the system call.
    if (fault.mode == Mode::user && mm_->take_effects().tlb_stale) return FaultOutcome::retry_tlb_stale;
    return FaultOutcome::retry;
}

Vma* FaultHandler::find_vma_or_grow(VirtAddr address, bool& grew) {
    if (address >= task_size) return nullptr;
    Vma* vma = mm_->vmas().find(address);
    if (vma == nullptr || vma->start() <= address) return vma;
    if (!vma->flags().has(vm_growsdown)) return nullptr;
    const auto grown = mm_->expand_stack(address);
    grew = grown.has_value();
    return grown.value_or(nullptr);
}

std::optional<FaultKind> FaultHandler::forecast(const MmStruct& mm, VirtAddr address, Access access) const {
    if (address >= task_size) return FaultKind::segv_maperr;
    const Pte pte = mm.page_table().page_at(address);
    const bool allowed = pte.is_present() && (access != Access::write || pte.writable()) &&
                         (access != Access::execute || pte.executable());
    if (allowed) return std::nullopt;
    const Vma* vma = mm.vmas().find(address);
    const bool is_below = vma != nullptr && vma->start() > address;
    const bool grows = is_below && mm.check_stack_growth(address).has_value();
    if (is_below && !grows) vma = nullptr;
    const FaultKind kind = classify(situation(vma, PageFault{address, access, Mode::user, 0}, pte, grows));
    const Pte* upper = mm.page_table().find_upper(address);
    const bool has_place = upper == nullptr || upper->is_none();
    // A large page is no page of zeroes.
    const bool is_large = kind == FaultKind::zero_page && has_place && mm.allows_huge_page(*vma, address);
    return is_large ? FaultKind::demand_zero : kind;
}

FaultSituation FaultHandler::situation(const Vma* vma, const PageFault& fault, Pte pte, bool grew) const {
    FaultSituation situation{.vma = vma, .access = fault.access, .pte = pte, .stack_grew = grew, .mode = fault.mode};
    if (vma == nullptr) return situation;
    if (pte.is_resident()) {
        const Frame& frame = memory_.frames()[pte.pfn()];
        situation.is_zero_page = frame.state == FrameState::zero_page;
        // A swap slot that nobody else refers to is no second owner (wp_can_reuse_anon_folio).
        const std::optional<SwapSlot> slot = frame.swap_slot();
        const bool is_spare = slot && memory_.reclaimer()->swap()->references(*slot) == 0;
        situation.sole_owner =
            frame.state == FrameState::anonymous && frame.reference_count == (is_spare ? 2 : 1) && (is_spare || !slot);
    } else if (const File* file = vma->file()) {
        const std::uint64_t index = vma->page_index(fault.address);
        situation.past_file_end = index >= file->page_count().value();
        situation.in_page_cache = file->cached(index).has_value();
        situation.in_swap = file->is_in_swap(index);
    } else if (vma->special() != nullptr) {
        situation.has_special_page = special_page(*vma, fault.address).has_value();
    }
    return situation;
}

FaultHandler::Resolution FaultHandler::resolve(FaultKind kind, Vma& vma, const PageFault& fault) {
    const VirtAddr page = fault.address.page_floor();
    const Pte* entry = mm_->page_table().find(page);
    const bool is_first_touch =
        kind == FaultKind::demand_zero || kind == FaultKind::zero_page || kind == FaultKind::stack_grow;
    if (is_first_touch) {
        if (const auto mapped = map_huge_page(kind, vma, page)) return *mapped;
    }
    switch (kind) {
        case FaultKind::demand_zero:
            return vma.file() != nullptr ? map_file_page(vma, fault) : map_fresh_page(kind, vma, page);
        case FaultKind::zero_page: return map_zero_page(kind, vma, page);
        case FaultKind::stack_grow:
            return fault.access == Access::write ? map_fresh_page(kind, vma, page) : map_zero_page(kind, vma, page);
        case FaultKind::zero_upgrade: return map_fresh_page(kind, vma, page);
        case FaultKind::file_minor:
        case FaultKind::file_major:
            return vma.special() != nullptr ? map_special_page(kind, vma, page) : map_file_page(vma, fault);
        case FaultKind::cow: return copy_page(kind, vma, page);
        case FaultKind::cow_reuse:
        case FaultKind::write_notify: return reuse_page(kind, vma, page);
        case FaultKind::userfault: note_userfault(vma, fault); return Resolution{.kind = kind, .major = true};
        case FaultKind::spurious:
            // The processor acted on an entry that has changed since.
            mm_->note_tlb_stale();
            return Resolution{kind};
        case FaultKind::swap_in:
            // What the entry does not know of, the file has in swap.
            return entry != nullptr && entry->is_swapped() ? swap_in_page(vma, fault) : map_file_page(vma, fault);
        case FaultKind::segv_maperr:
        case FaultKind::segv_accerr:
        case FaultKind::sigbus:
        case FaultKind::poisoned:
        case FaultKind::oom: break;
    }
    FL_ASSERT(!"fatal kinds are not resolved");
    return Resolution{FaultKind::sigbus};
}

// mm/memory.c, mm_account_fault: a fault that had to be tried again counts as a major one.
void FaultHandler::note_userfault(const Vma& vma, const PageFault& fault) {
    const Pte* slot = mm_->page_table().find(fault.address);
    const bool resident = slot != nullptr && slot->is_resident();
    const File* file = vma.file();
    const std::uint64_t index = file != nullptr ? vma.page_index(fault.address) : 0;
    const bool cached = file != nullptr && (file->cached(index).has_value() || file->is_in_swap(index));
    userfault_ = Userfault{.context = vma.userfault(),
                           .reason = resident ? UserfaultReason::write_protected
                                     : cached ? UserfaultReason::minor
                                              : UserfaultReason::missing,
                           .access = fault.access,
                           .mode = fault.mode,
                           .address = fault.exact_address()};
}

bool FaultHandler::wait_for_userfault() {
    const auto fault = std::exchange(userfault_, std::nullopt);
    return fault && userfault_waiter_ != nullptr && userfault_waiter_->wait_for_userfault(*fault);
}

FaultHandler::Resolution FaultHandler::map_zero_page(FaultKind kind, const Vma& vma, VirtAddr page) {
    const auto slot = mm_->page_table().ensure(page);
    if (!slot) return Resolution{FaultKind::oom};
    emu::PteAccess access = vma_access(vma.flags());
    access.writable = false;
    mm_->install(*slot, under_protection(**slot, new_entry(memory_.zero_page(), access)));
    return Resolution{kind};
}

FaultHandler::Resolution FaultHandler::map_fresh_page(FaultKind kind, Vma& vma, VirtAddr page) {
    const auto slot = mm_->page_table().ensure(page);
    if (!slot) return Resolution{FaultKind::oom};
    const auto reserved = mm_->reserve_anon_vma(vma);
    if (!reserved) return Resolution{FaultKind::oom};
    const auto pfn = memory_.allocate(FrameState::anonymous, Fill::zeroed);
    if (!pfn) return Resolution{FaultKind::oom};
    mm_->prepare_anon_vma(vma);
    own_page(*pfn, vma, page);
    memory_.frames().set_lazy_free(*pfn, vma.flags().has(vm_droppable));
    mm_->install(*slot, under_protection(**slot, new_entry(*pfn, vma_access(vma.flags()))));
    return Resolution{kind};
}

// The page is this mapping's alone from here on.
void FaultHandler::own_page(Pfn pfn, const Vma& vma, VirtAddr page) {
    memory_.frames().set_anchor(pfn, RmapAnchor::of(*vma.anon_vma(), vma.page_index(page)));
    memory_.frames().set_anon_exclusive(pfn, true);
}

// One page at a time: there is nothing around it to map (mm/mmap.c, special_mapping_fault).
FaultHandler::Resolution FaultHandler::map_special_page(FaultKind kind, const Vma& vma, VirtAddr page) {
    const auto slot = mm_->page_table().ensure(page);
    if (!slot) return Resolution{FaultKind::oom};
    const Pfn pfn = *special_page(vma, page);
    if (memory_.counts_mappings(pfn)) memory_.add_reference(pfn);
    emu::PteAccess access = vma_access(vma.flags());
    access.writable = false;
    mm_->install(*slot, new_entry(pfn, access));
    return Resolution{kind};
}

FaultHandler::Resolution FaultHandler::map_file_page(const Vma& vma, const PageFault& fault) {
    const VirtAddr page = fault.address.page_floor();
    const auto slot = mm_->page_table().ensure(page);
    if (!slot) return Resolution{FaultKind::oom};
    // A page that was cached may have left for the table that it goes into.
    File& file = *vma.file();
    const std::uint64_t index = vma.page_index(page);
    const FaultKind kind = kind_of_file_page(file, file.cached(index).has_value(), file.is_in_swap(index));
    const std::optional<SwapSlot> from = file.swap_slot(index);
    const auto pfn = file.read_page(index);
    if (!pfn) return Resolution{pfn.error() == Errno::enomem ? FaultKind::oom : FaultKind::sigbus};
    memory_.add_reference(*pfn);
    const bool write = fault.access == Access::write;
    emu::PteAccess access = file_page_access(vma);
    access.writable = access.writable || write;
    mm_->install(*slot, under_protection(**slot, new_entry(*pfn, access)));
    const bool major = kind == FaultKind::file_major || kind == FaultKind::swap_in;
    if (kind == FaultKind::file_major && fault_around_pages_ > PageCount(1)) read_ahead(vma, page);
    // A write to a shared page brings that page alone (do_shared_fault).
    const std::uint32_t mapped_around = write ? 0 : map_around(vma, page);
    return Resolution{.kind = kind, .major = major, .pages_around = mapped_around, .slot = from};
}

// A page that has to be read brings its window with it, so that map_around finds it, as it would on a machine whose
// page cache is warm.
void FaultHandler::read_ahead(const Vma& vma, VirtAddr page) {
    const VirtRange window = around(vma, page, std::min(read_ahead_pages, fault_around_pages_));
    File& file = *vma.file();
    for (VirtAddr at = window.start; at < window.end; at = at + page_size) {
        const std::uint64_t index = vma.page_index(at);
        // Short of memory or unreadable: the page comes, or fails, when it is asked for.
        if (index >= file.page_count().value()) return;
        if (!file.cached(index) && (!memory_.has_room() || !file.read_page(index))) return;
    }
}

// mm/memory.c, __handle_mm_fault and do_read_fault: the tables above the last level are there, and the pages around are
// mapped, before it shows that the page asked for does not exist.
FaultHandler::Resolution FaultHandler::refuse(FaultKind kind, Vma* vma, const PageFault& fault) {
    if (kind != FaultKind::sigbus) return Resolution{kind};
    // do_cow_fault() is ready to own the copy before there is something to copy.
    if (fault.access == Access::write && !vma->is_shared()) {
        const auto reserved = mm_->reserve_anon_vma(*vma);
        if (!reserved) return Resolution{FaultKind::oom};
        mm_->prepare_anon_vma(*vma);
    }
    if (!mm_->page_table().ensure_upper(fault.address)) return Resolution{FaultKind::oom};
    if (fault.access != Access::write && vma->file() != nullptr) map_around_refusal(*vma, fault.address.page_floor());
    return Resolution{kind};
}

void FaultHandler::map_around_refusal(const Vma& vma, VirtAddr page) {
    if (fault_around_pages_ <= PageCount(1)) return;
    const VirtRange window = around(vma, page, fault_around_pages_);
    const std::uint64_t first = vma.page_index(window.start);
    const std::uint64_t last = std::min(first + window.page_count().value(), vma.file()->page_count().value());
    for (std::uint64_t index = first; index < last; ++index) {
        if (!vma.file()->cached(index)) continue;
        if (mm_->page_table().ensure(page)) map_around(vma, page);
        return;
    }
}

std::uint32_t FaultHandler::map_around(const Vma& vma, VirtAddr page) {
    if (fault_around_pages_ <= PageCount(1) || is_asked_page_by_page(vma)) return 0;
    const VirtRange window = around(vma, page, fault_around_pages_);
    const emu::PteAccess access = file_page_access(vma);
    // One table holds the whole window.
    Pte* slots = mm_->page_table().find(window.start);
    FL_ASSERT(slots != nullptr);
    std::uint32_t mapped = 0;
    for (std::uint64_t i = 0; i < window.page_count().value(); ++i) {
        if (!slots[i].is_none()) continue;
        const auto pfn = vma.file()->cached(vma.page_index(window.start + i * page_size));
        if (!pfn) continue;
        memory_.add_reference(*pfn);
        mm_->install(&slots[i], new_entry(*pfn, access));
        ++mapped;
    }
    return mapped;
}

FaultHandler::Resolution FaultHandler::copy_page(FaultKind kind, Vma& vma, VirtAddr page) {
    mm_->split_large_page(page);
    const auto slot = mm_->page_table().ensure(page);
    if (!slot) return Resolution{FaultKind::oom};
    const auto reserved = mm_->reserve_anon_vma(vma);
    if (!reserved) return Resolution{FaultKind::oom};
    bool major = false;
    Pfn source;
    if ((*slot)->is_resident()) {
        source = (*slot)->pfn();
    } else if (vma.special() != nullptr) {
        source = *special_page(vma, page);
    } else {
        const std::uint64_t index = vma.page_index(page);
        const bool is_hole = vma.file()->kind() == FileKind::shared_memory && !vma.file()->is_in_swap(index);
        major = !is_hole && !vma.file()->cached(index).has_value();
        const auto read = vma.file()->read_page(index);
        if (!read) return Resolution{read.error() == Errno::enomem ? FaultKind::oom : FaultKind::sigbus};
        source = *read;
    }
    // The copy's own allocation may have to shrink the page cache: hold on to the source.
    memory_.add_reference(source);
    if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->note_copied_from(source);
    const auto copy = memory_.allocate(FrameState::anonymous, Fill::caller);
    if (copy) {
        const auto bytes = memory_.ram().frame(source);
        std::memcpy(memory_.ram().frame(*copy).data(), bytes.data(), bytes.size());
        mm_->prepare_anon_vma(vma);
        own_page(*copy, vma, page);
        mm_->install(*slot, under_protection(**slot, new_entry(*copy, vma_access(vma.flags()))));
    }
    memory_.release(source);
    if (!copy) return Resolution{FaultKind::oom};
    return Resolution{.kind = kind, .major = major};
}

FaultHandler::Resolution FaultHandler::reuse_page(FaultKind kind, Vma& vma, VirtAddr page) {
    Pte* slot = mm_->page_table().find(page);
    FL_ASSERT(slot != nullptr && slot->is_resident());
    if (slot->is_large()) {
        if (reuse_huge_page(*slot, vma, page)) return Resolution{kind};
        mm_->split_large_page(page);
        slot = mm_->page_table().find(page);
    }
    if (!vma.is_shared()) {
        mm_->prepare_anon_vma(vma);
        own_page(slot->pfn(), vma, page);
        // It is about to differ from its slot for good.
        if (memory_.frames()[slot->pfn()].slot != 0) memory_.reclaimer()->leave_swap_cache(slot->pfn());
    }
    *slot = slot->without_write_protection().with_access(vma_access(vma.flags()));
    return Resolution{kind};
}

// mm/memory.c, mm_account_fault: a fault that failed counts neither as minor nor as major.
void FaultHandler::account(const Resolution& done) {
    ++counters_.by_kind[static_cast<std::size_t>(done.kind)];
    if (!is_fatal(done.kind)) ++(done.major ? counters_.major : counters_.minor);
}

void FaultHandler::emit(const PageFault& fault, const Resolution& done, const Vma* vma, Pte before,
                        PageCount tables_before) {
    FaultEvent event;
    event.sequence = ++sequence_;
    if (origins_ != nullptr) event.origin = origins_->fault_origin(fault.mode);
    event.address = fault.exact_address();
    event.access = fault.access;
    event.mode = fault.mode;
    event.error_code = fault.error_code;
    event.kind = done.kind;
    event.major = done.major;
    if (vma != nullptr) event.vma = mm_->snapshot(*vma);
    event.pte_before = before;
    if (fault.address < task_size) event.walk = mm_->page_table().walk_to(fault.address);
    event.pte_after = event.walk.leaf();
    if (event.pte_after.is_resident()) event.pfn = event.pte_after.pfn_at(fault.address);
    event.tables_allocated = static_cast<std::uint32_t>((mm_->page_table().table_count() - tables_before).value());
    event.pages_around = done.pages_around;
    if (const Reclaimer* reclaimer = memory_.reclaimer()) {
        event.reclaim = reclaimer->work();
        event.victim = reclaimer->first_eviction();
        event.slot = done.slot;
        if (event.pfn) event.refault_distance = reclaimer->refault_distance(*event.pfn);
    }
    observer_->on_fault(event);
}

}  // namespace fl::mm
