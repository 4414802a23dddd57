#include "mm/physical_memory.hpp"

#include <cstring>

namespace fl::mm {

PhysicalMemory::PhysicalMemory(emu::Ram& ram)
    : ram_(ram),
      frames_(ram.page_count()),
      buddy_(frames_, Pfn(1), Pfn(ram.page_count().value())),
      least_free_(buddy_.free_page_count()) {
    FL_ASSERT(ram.page_count() >= min_page_count);
    frames_.mark_used(Pfn(0), FrameState::reserved);
    auto zero = allocate(FrameState::zero_page, Fill::zeroed);
    FL_ASSERT(zero.has_value());
    zero_page_ = *zero;
}

Result<Pfn> PhysicalMemory::allocate(FrameState state, Fill fill) {
    auto pfn = buddy_.allocate(0);
    if (!pfn && shrinker_ != nullptr && shrinker_->shrink() > PageCount(0)) pfn = buddy_.allocate(0);
    if (!pfn) return pfn;
    if (buddy_.free_page_count() < least_free_) least_free_ = buddy_.free_page_count();
    const bool holds_old_bytes = frames_.mark_used(*pfn, state);
    if (holds_old_bytes) {
        ram_.code_frames().note_rewritten(*pfn);
        if (fill == Fill::zeroed) std::memset(ram_.frame(*pfn).data(), 0, page_size);
    }
    return pfn;
}

void PhysicalMemory::release(Pfn pfn) {
    if (frames_.drop_reference(pfn) == 0) buddy_.free(pfn, 0);
}

}  // namespace fl::mm
