// MemoryCensus: all frames of the machine counted by what they are, for the views that speak of the whole machine.
//
// Counted afresh for each view, one look at each frame: no counter is kept up for it while programs run.
#pragma once

#include "mm/mm_struct.hpp"

#include <cstdint>
#include <span>
#include <unordered_set>

namespace fl::kernel {

struct MemoryCensus {
    PageCount total;  // frames that the allocator manages
    PageCount free;
    PageCount page_tables;
    PageCount anonymous;
    PageCount file_cache;     // pages of files, mapped or not
    PageCount dirty;          // of file_cache, those that are newer than their file
    PageCount shared_memory;  // of tmpfs, memfd and shared anonymous memory
    PageCount mapped;         // of the last two, those that some address space maps
    PageCount locked;         // resident in a VM_LOCKED mapping, by kind below
    PageCount locked_anonymous;
    PageCount locked_file;
    PageCount committed;  // promised to programs (VM_ACCOUNT)
};

// `spaces` are all address spaces that there are.
MemoryCensus take_census(const mm::PhysicalMemory& memory, std::span<const mm::MmStruct* const> spaces);

// The frames that a VM_LOCKED mapping holds in memory.
std::unordered_set<Pfn> locked_frames(std::span<const mm::MmStruct* const> spaces);

}  // namespace fl::kernel
