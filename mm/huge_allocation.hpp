// How a large page is come by where no block of frames is free (Linux: mm/huge_memory.c, vma_thp_gfp_mask()).
#pragma once

#include "mm/physical_memory.hpp"

namespace fl::mm {

class Vma;

enum class HugeEffort : std::uint8_t {
    take,         // what is free
    wake_daemon,  // the same, and kcompactd is told for the next one
    compact,      // pages are moved for it
};

// What `defrag` allows a fault in `vma`.
HugeEffort huge_effort_of_fault(ThpDefrag defrag, const Vma& vma);

// As PhysicalMemory::allocate_large_page(). Nobody's page leaves memory for it, whatever the effort.
Result<Pfn> allocate_large_page(PhysicalMemory& memory, HugeEffort effort);

}  // namespace fl::mm
