// __get_free_pages() and free_pages(): blocks of the buddy allocator by their address in the direct map.
#pragma once

#include "mm/kernel_layout.hpp"
#include "mm/physical_memory.hpp"

namespace fl::mm {

// 2^order frames side by side; ENOMEM.
inline Result<VirtAddr> get_free_pages(PhysicalMemory& memory, unsigned order, Fill fill = Fill::caller) {
    const auto first = memory.allocate_block(order, FrameState::reserved, fill, BlockEffort::reclaim);
    if (!first) return fail(first.error());
    return direct_map_address(first->address());
}

inline void free_pages(PhysicalMemory& memory, VirtAddr address, unsigned order) {
    memory.release_block(physical_address(address).pfn(), order);
}

}  // namespace fl::mm
