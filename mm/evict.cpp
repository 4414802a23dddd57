// Reclaimer: what policies may ask of a page, and how it leaves memory (mm/vmscan.c, shrink_folio_list; mm/rmap.c,
// try_to_unmap_one).
#include "mm/file.hpp"
#include "mm/mm_struct.hpp"
#include "mm/reclaimer.hpp"

namespace fl::mm {

using emu::Pte;

namespace {

PageList list_of(const Frame& frame) {
    const bool is_file = frame.state == FrameState::file_cache || frame.lazy_free;
    return is_file ? PageList::file : PageList::anonymous;
}

}  // namespace

// --- what policies ask -----------------------------------------------------------------------------------------------

bool Reclaimer::accessed(PageId page) const {
    const Page& entry = pages_[page];
    const Pfn pfn(entry.pfn);
    bool answer = entry.accessed || memory_.frames()[pfn].referenced;
    if (!answer) visit_entries(pfn, [&](const Pte& pte) { answer = answer || pte.accessed(); });
    return answer;
}

void Reclaimer::clear_accessed(PageId page) {
    Page& entry = pages_[page];
    const Pfn pfn(entry.pfn);
    entry.accessed = false;
    memory_.frames().set_referenced(pfn, false);
    if (entry.extent != Extent::large_page) split_large_mappings(pfn);
    visit_entries(pfn, [&](Pte& pte) {
        if (!pte.accessed()) return;
        // While the TLB holds the entry, an access would not set the bit again.
        if (memory_.tlb_may_hold(pte)) memory_.note_tlb_stale();
        pte = pte.without_accessed();
        entry.touched = true;
    });
}

// Since the last sample. What a sample took of the hardware's bit is older.
bool Reclaimer::was_touched(PageId page) const {
    bool answer = pages_[page].touched;
    visit_entries(Pfn(pages_[page].pfn), [&](const Pte& pte) { answer = answer || pte.accessed(); });
    return answer;
}

bool Reclaimer::is_lazily_free(Pfn pfn) const {
    const Frame& frame = memory_.frames()[pfn];
    if (frame.state != FrameState::anonymous || !frame.lazy_free) return false;
    bool clean = !frame.dirty;
    visit_entries(pfn, [&](const Pte& pte) { clean = clean && !pte.dirty(); });
    if (clean) return true;
    // MAP_DROPPABLE: written to or not.
    bool droppable = frame.map_count > 0;
    for_each_mapping(memory_, pfn, [&](const Vma& vma, VirtAddr, const Pte&) {
        droppable = droppable && vma.flags().has(vm_droppable);
    });
    return droppable;
}

bool Reclaimer::dirty(PageId page) const {
    const Pfn pfn(pages_[page].pfn);
    const Frame& frame = memory_.frames()[pfn];
    // A private page has no place but its frame until it was written to swap.
    if (frame.state == FrameState::anonymous && frame.slot == 0) return !is_lazily_free(pfn);
    bool answer = frame.dirty;
    if (!answer) visit_entries(pfn, [&](const Pte& pte) { answer = answer || pte.dirty(); });
    return answer;
}

bool Reclaimer::has_swap_for(const Frame& frame) const {
    if (frame.slot != 0) return true;
    return swap_ != nullptr && swap_->free_slot_count() + swap_->spare_slot_count() > PageCount(0);
}

bool Reclaimer::is_locked(Pfn pfn) const {
    const Frame& frame = memory_.frames()[pfn];
    if (frame.left_locked) return true;
    if (frame.state == FrameState::shared_memory && frame.anchor.file().is_locked()) return true;
    if (memory_.locked_page_count() == PageCount(0)) return false;
    bool locked = false;
    for_each_mapping(memory_, pfn,
                     [&](const Vma& vma, VirtAddr, const Pte&) { locked = locked || vma.flags().has(vm_locked); });
    return locked;
}

bool Reclaimer::evictable(PageId page) const {
    const Page& entry = pages_[page];
    ++counters_.looked_at;
    ++work_.frames_looked_at;
    if (!entry.admitted || entry.leaving || is_pinned(page)) return false;
    const std::uint64_t count = frame_count(entry);
    if (looks_for_ != ReclaimReason::advice) counters_.scanned.of(list_of(memory_.frames()[Pfn(entry.pfn)])) += count;
    if (looks_for_ == ReclaimReason::kswapd) counters_.scanned_by_kswapd += count;
    return may_leave(page);
}

bool Reclaimer::may_leave(PageId page) const {
    const Page& entry = pages_[page];
    const Pfn pfn(entry.pfn);
    const Frame& frame = memory_.frames()[pfn];
    if (entry.write_failed) return false;
    // Who holds a reference beside page tables, page cache and swap cache is at work on the page.
    const bool anonymous = frame.state == FrameState::anonymous;
    const std::uint32_t held = frame.map_count + (anonymous ? (frame.slot != 0 ? 1U : 0U) : 1U);
    if (frame.reference_count != held || is_locked(pfn)) return false;
    if (anonymous) return has_swap_for(frame) || is_lazily_free(pfn);
    return frame.state == FrameState::file_cache || has_swap_for(frame) || !dirty(page);
}

void Reclaimer::write_back(PageId page) {
    if (dirty(page)) (void)write_page(page, Pfn(pages_[page].pfn), ReclaimReason::ahead);
}

// --- writing ---------------------------------------------------------------------------------------------------------

std::optional<SwapSlot> Reclaimer::ensure_slot(PageId page, Pfn pfn) {
    if (const auto slot = memory_.frames()[pfn].swap_slot()) return slot;
    if (swap_ == nullptr) return std::nullopt;
    const auto made = swap_->allocate(pfn, page);
    if (!made) return std::nullopt;
    if (made->loser) {
        // It has its slot no more, and so no copy beside its frame.
        const Frame& loser = memory_.frames()[*made->loser];
        pages_[loser.page - 1].swapped = false;
        memory_.frames().clear_slot(*made->loser);
        memory_.frames().set_dirty(*made->loser, true);
        if (loser.state == FrameState::anonymous) memory_.release(*made->loser);
    }
    pages_[page].swapped = true;
    memory_.frames().set_slot(pfn, made->slot);
    memory_.frames().set_dirty(pfn, true);
    if (memory_.frames()[pfn].state == FrameState::anonymous) memory_.add_reference(pfn);
    return made->slot;
}

bool Reclaimer::write_page(PageId page, Pfn pfn, ReclaimReason reason) {
    const Frame& frame = memory_.frames()[pfn];
    split_large_mappings(pfn);
    bool written = false;
    std::optional<SwapSlot> slot;
    if (frame.state == FrameState::file_cache) {
        written = frame.anchor.file().write_back_cached(frame.anchor.index()).has_value();
    } else {
        slot = ensure_slot(page, pfn);
        written = slot && swap_->write(*slot, memory_.ram().frame(pfn)).has_value();
        if (written) {
            visit_entries(pfn, [&](Pte& pte) {
                if (!pte.dirty()) return;
                // The next write has to be seen.
                if (memory_.tlb_may_hold(pte)) memory_.note_tlb_stale();
                pte = pte.without_dirty();
            });
            memory_.frames().set_dirty(pfn, false);
            // It was written to after MADV_FREE, and so it is not to be dropped (folio_set_swapbacked).
            memory_.frames().set_lazy_free(pfn, false);
        }
    }
    if (written && reason == ReclaimReason::ahead) ++counters_.ahead;
    if (written) ++work_.written;
    if (!written) {
        ++counters_.failed_writes;
        if (!std::exchange(pages_[page].write_failed, true)) ++failed_pages_;
    }
    if (observer_ != nullptr) {
        observer_->on_write_back({.time_ns = now(),
                                  .for_fault = fault_,
                                  .reason = reason,
                                  .page = name_of(page, pfn),
                                  .pfn = pfn,
                                  .slot = slot,
                                  .failed = !written});
    }
    return written;
}

// Until the next write may be tried.
void Reclaimer::clear_failed_pages() {
    for (Page& entry : pages_) entry.write_failed = false;
    failed_pages_ = 0;
}

// --- leaving ---------------------------------------------------------------------------------------------------------

bool Reclaimer::evict(PageId page, ReclaimReason reason) {
    if (pages_[page].extent == Extent::large_page) return evict_large_page(page, reason);
    const Pfn pfn(pages_[page].pfn);
    const Frame& frame = memory_.frames()[pfn];
    split_large_mappings(pfn);
    const bool anonymous = frame.state == FrameState::anonymous;
    const bool lazily_free = is_lazily_free(pfn);
    // A page that MADV_FREE was told of and that was written to since is private memory again.
    const PageList list = lazily_free || frame.state == FrameState::file_cache ? PageList::file : PageList::anonymous;
    EvictionEvent event;
    if (observer_ != nullptr) {
        event.time_ns = now();
        event.for_fault = fault_;
        event.reason = reason;
        event.page = name_of(page, pfn);
        event.pfn = pfn;
        event.age_ns = event.time_ns - pages_[page].since_ns;
    }
    event.dirty = dirty(page);
    if (history_.interval_ns != 0 && was_touched(page)) ++touched_and_gone_;
    if (event.dirty && !write_page(page, pfn, reason)) {
        pool_for(page).policy->admit(page, replacement::Access::write);
        return false;
    }
    if (!lazily_free) event.slot = frame.swap_slot();
    // What nobody wrote to is zeroes still.
    event.dropped = lazily_free || (frame.state == FrameState::shared_memory && !event.slot);
    Page& entry = pages_[page];
    entry.evicted = true;
    entry.evicted_at = ++evictions_;
    if (anonymous) {
        leave_memory(page, pfn, event.slot);
    } else {
        unmap_cached(pfn);
        leave_file(page, pfn);
    }
    ++counters_.evictions[static_cast<std::size_t>(reason)];
    if (reason != ReclaimReason::advice) ++counters_.reclaimed.of(list);
    ++(event.dirty ? counters_.dirty : counters_.clean);
    if (event.dropped) ++counters_.dropped;
    if (lazily_free) ++counters_.lazily_freed;
    ++work_.evicted;
    if (observer_ != nullptr) {
        if (fault_ != 0 && !first_eviction_) first_eviction_ = event;
        observer_->on_eviction(event);
    }
    return true;
}

// Every entry names the slot instead, or nothing where the page is given up.
void Reclaimer::leave_memory(PageId page, Pfn pfn, std::optional<SwapSlot> slot) {
    const Frame& frame = memory_.frames()[pfn];
    const bool exclusive = frame.anon_exclusive;
    memory_.add_reference(pfn);
    for_each_mapping(memory_, pfn, [&](Vma& vma, VirtAddr, Pte& entry) {
        Pte left = Pte::none();
        if (slot) {
            swap_->add_reference(*slot);
            left = Pte::swapped(*slot, exclusive);
            if (entry.is_write_protected()) left = left.with_write_protection();
        }
        vma.mm().unmap_page(entry, left);
    });
    if (const auto tied = frame.swap_slot()) {
        memory_.frames().clear_slot(pfn);
        if (swap_->untie(*tied)) pages_[page].swapped = false;
        memory_.release(pfn);
    }
    leave_frame(page, pfn);
    memory_.release(pfn);
    forget_if_gone(page);
}

void Reclaimer::unmap_cached(Pfn pfn) {
    for_each_mapping(memory_, pfn, [&](Vma& vma, VirtAddr, Pte& entry) {
        // Who wants to hear of the first write still does.
        vma.mm().unmap_page(entry, entry.is_write_protected() ? Pte::write_protected() : Pte::none());
    });
}

void Reclaimer::leave_file(PageId page, Pfn pfn) {
    const Frame& frame = memory_.frames()[pfn];
    const auto slot = frame.swap_slot();
    if (slot) {
        swap_->add_reference(*slot);
        memory_.frames().clear_slot(pfn);
        (void)swap_->untie(*slot);
    } else {
        pages_[page].shadowed = true;
    }
    File& file = frame.anchor.file();
    const std::uint64_t index = frame.anchor.index();
    leave_frame(page, pfn);
    file.lose_page(index, slot, page);
}

PageCount Reclaimer::reclaim(PageCount wanted) {
    settle();
    let_go();
    ++counters_.direct_reclaims;
    const PageCount before = frames_;
    while (before - frames_ < wanted && reclaim_one(kernel_page, ReclaimReason::fault)) {
    }
    return before - frames_;
}

bool Reclaimer::page_out(Pfn pfn) {
    settle();
    const std::uint32_t number = memory_.frames()[pfn].page;
    looks_for_ = ReclaimReason::advice;
    if (number == 0) return false;
    const PageId page = number - 1;
    // Whoever advises it wants it tried again.
    if (std::exchange(pages_[page].write_failed, false)) --failed_pages_;
    if (!evictable(page)) return false;
    // The policy is not asked: to it the page is gone, and a new one comes.
    pool_for(page).policy->forget(page);
    tell_gone(page);
    return evict(page, ReclaimReason::advice);
}

PageName Reclaimer::name_of(PageId page, Pfn pfn) const {
    PageName name{.id = page, .address = std::nullopt, .file = nullptr};
    const Frame& frame = memory_.frames()[pfn];
    if (frame.state != FrameState::anonymous) {
        name.file = frame.anchor.file().shared_identity();
        name.file_page = frame.anchor.index();
    }
    for_each_mapping(memory_, pfn, [&](const Vma& vma, VirtAddr address, const Pte&) {
        if (name.address) return;
        name.address = address;
        name.owner = origins_ != nullptr ? origins_->owner_of(vma.mm()) : 0;
    });
    return name;
}

}  // namespace fl::mm
