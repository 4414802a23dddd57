#include "mm/physical_memory.hpp"

#include "mm/reclaimer.hpp"

#include <cstring>

namespace fl::mm {

namespace {

Pfn end_of(const emu::Ram& ram) { return Pfn(ram.page_count().value()); }
Pfn memory_map_start(const emu::Ram& ram, BootMemory boot) { return Pfn((ram.page_count() - boot.memory_map).value()); }

std::byte* frame_table_storage(emu::Ram& ram, BootMemory boot) {
    if (boot.memory_map == PageCount(0)) return nullptr;
    FL_ASSERT(boot.memory_map.bytes() >= ram.page_count().value() * sizeof(Frame));
    const Pfn start = memory_map_start(ram, boot);
    ram.expect_sparse_use(start);
    return ram.frame(start).data();
}

}  // namespace

PhysicalMemory::PhysicalMemory(emu::Ram& ram, BootMemory boot)
    : ram_(ram),
      frames_(ram.page_count(), frame_table_storage(ram, boot)),
      buddy_(frames_, Pfn(1), Pfn((ram.page_count() - boot.total()).value())),
      least_free_(buddy_.free_page_count()),
      boot_(boot) {
    FL_ASSERT(ram.page_count() - boot.total() >= min_page_count);
    frames_.mark_used(Pfn(0), FrameState::reserved);
    const Pfn map = memory_map_start(ram, boot);
    for (Pfn pfn(map.value() - boot.tables.value()); pfn < end_of(ram); pfn = pfn + 1) {
        frames_.mark_used(pfn, pfn < map ? FrameState::kernel_table : FrameState::memory_map);
    }
    auto zero = allocate(FrameState::zero_page, Fill::zeroed);
    FL_ASSERT(zero.has_value());
    zero_page_ = *zero;
}

namespace {

bool is_user_page(FrameState state) {
    return state == FrameState::anonymous || state == FrameState::file_cache || state == FrameState::shared_memory;
}

// Who asks for it can be told that there is none.
bool is_refusable(FrameState state) {
    return state == FrameState::reserved || state == FrameState::kernel_table || state == FrameState::vmalloc;
}

}  // namespace

Result<Pfn> PhysicalMemory::allocate(FrameState state, Fill fill, PageOrigin origin) {
    const bool is_numbered = reclaimer_ != nullptr && origin.is_pageable && is_user_page(state);
    PageId page = Reclaimer::kernel_page;
    if (reclaimer_ != nullptr) {
        if (is_numbered) page = reclaimer_->number_for(origin.known);
        const RoomFor use = is_numbered           ? RoomFor::user_page
                            : is_refusable(state) ? RoomFor::kernel_memory
                                                  : RoomFor::kernel_page;
        if (!reclaimer_->make_room(use, page)) {
            if (is_numbered) reclaimer_->on_not_allocated(page);
            return fail(Errno::enomem);
        }
    }
    Pfn pfn = buddy_.allocate_or_none(0);
    if (pfn == BuddyAllocator::none && shrinker_ != nullptr && shrinker_->shrink() > PageCount(0)) {
        pfn = buddy_.allocate_or_none(0);
    }
    if (pfn == BuddyAllocator::none) {
        if (is_numbered) reclaimer_->on_not_allocated(page);
        return fail(Errno::enomem);
    }
    if (buddy_.free_page_count() < least_free_) least_free_ = buddy_.free_page_count();
    take(pfn, state, fill);
    if (is_numbered) reclaimer_->on_allocated(pfn, page);
    return pfn;
}

void PhysicalMemory::take(Pfn pfn, FrameState state, Fill fill) {
    frames_.mark_used(pfn, state);
    if (fill == Fill::zeroed) clear(pfn);
    // Whoever it is for stores to it.
    ram_.note_kernel_store(pfn);
}

void PhysicalMemory::clear(Pfn pfn) {
    if (!ram_.written_frames().may_hold_bytes(pfn)) return;
    ram_.note_kernel_store(pfn);
    std::memset(ram_.frame(pfn).data(), 0, page_size);
    ram_.written_frames().note_zeroed(pfn);
}

Result<Pfn> PhysicalMemory::allocate_block(unsigned order, FrameState state, Fill fill, BlockEffort effort) {
    FL_ASSERT(!is_user_page(state));
    if (order == 0) return allocate(state, fill);
    auto first = buddy_.allocate(order);
    if (!first && compaction_.make_block(order, effort)) first = buddy_.allocate(order);
    const bool reclaims = effort == BlockEffort::reclaim && reclaimer_ != nullptr;
    if (!first && reclaims && reclaimer_->make_room_for_kernel_block(order)) first = buddy_.allocate(order);
    if (!first) return first;
    if (buddy_.free_page_count() < least_free_) least_free_ = buddy_.free_page_count();
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) take(*first + i, state, fill);
    return first;
}

void PhysicalMemory::release_block(Pfn first, unsigned order) {
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
        const std::uint32_t left = frames_.drop_reference(first + i);
        FL_ASSERT(left == 0);
    }
    buddy_.free(first, order);
}

Result<Pfn> PhysicalMemory::allocate_large_page() {
    if (reclaimer_ != nullptr && !reclaimer_->make_room_for_block(PageCount(emu::large_page_frames))) {
        return fail(Errno::enomem);
    }
    const auto first = buddy_.allocate(huge_page_order);
    if (!first) return first;
    if (buddy_.free_page_count() < least_free_) least_free_ = buddy_.free_page_count();
    for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) {
        frames_.mark_used(*first + i, FrameState::anonymous);
        // Who stores to a part of it notes that: most of it may stay the zeroes that it is.
        clear(*first + i);
    }
    if (reclaimer_ != nullptr) reclaimer_->on_large_page_allocated(*first);
    return first;
}

void PhysicalMemory::release_large_page(Pfn first) {
    bool is_whole = true;
    for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) {
        is_whole = is_whole && frames_[first + i].reference_count == 1;
    }
    if (!is_whole) {
        for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) release(first + i);
        return;
    }
    for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) {
        if (frames_[first + i].page != 0) reclaimer_->on_freed(first + i);
    }
    release_block(first, huge_page_order);
}

bool PhysicalMemory::has_room() const {
    return reclaimer_ != nullptr ? reclaimer_->has_room() : buddy_.free_page_count() > PageCount(0);
}

void PhysicalMemory::release(Pfn pfn) {
    const Frame& frame = frames_[pfn];
    if (frame.page != 0 && frame.reference_count == 1) reclaimer_->on_freed(pfn);
    if (frames_.drop_reference(pfn) == 0) buddy_.free(pfn, 0);
}

}  // namespace fl::mm
