// Whom processes tell of their beginnings and ends (mm/memory_observer.hpp).
#pragma once

#include "mm/reclaimer.hpp"

namespace fl::kernel {

// nullptr: nobody.
inline mm::MemoryObserver* memory_observer(const mm::PhysicalMemory& memory) {
    const mm::Reclaimer* reclaimer = memory.reclaimer();
    return reclaimer != nullptr ? reclaimer->memory_observer() : nullptr;
}

}  // namespace fl::kernel
