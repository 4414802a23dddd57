// MemoryCensus: all frames of the machine counted by what they are, and its swap, for the views that speak of the whole
// machine.
//
// Counted afresh for each view, one look at each frame: no counter is kept up for it while programs run.
#pragma once

#include "mm/kernel_space.hpp"
#include "mm/mm_struct.hpp"
#include "mm/reclaimer.hpp"

#include <cstdint>
#include <span>
#include <unordered_set>

namespace fl::kernel {

struct MemoryCensus {
    PageCount total;  // frames that the allocator manages
    PageCount free;
    PageCount page_tables;  // those of the kernel half from boot aside
    PageCount kernel_stacks;
    PageCount slab_reclaimable;  // frames of caches whose objects could be had back
    PageCount slab_unreclaimable;
    PageCount anonymous;         // private pages
    PageCount anonymous_mapped;  // of these, those that some address space maps; the others wait in the swap cache
    PageCount lazily_free;       // of `anonymous`: may be given up (MADV_FREE)
    PageCount file_cache;        // pages of files, mapped or not
    PageCount dirty;             // of file_cache, those that are newer than their file
    PageCount kept;              // of file_cache, those of files that are only in memory: they never leave (ramfs)
    PageCount kept_shared;       // of shared_memory, those that SHM_LOCK keeps in memory
    PageCount shared_memory;     // of tmpfs, memfd and shared anonymous memory
    PageCount mapped;            // of the last two kinds, those that some address space maps
    PageCount locked;            // resident in a VM_LOCKED mapping, by list below, where it would be on one
    PageCount locked_anonymous;
    PageCount locked_file;
    PageCount committed;                     // promised to programs (VM_ACCOUNT)
    std::uint64_t anonymous_huge_pages = 0;  // blocks that large entries map

    PageCount swap_total;
    PageCount swap_free;
    PageCount swap_cached;            // frames whose page has a slot as well
    PageCount swap_cached_anonymous;  // of these, private pages
    mm::Watermarks watermarks{};      // 0 where nobody reclaims in the background

    PageCount vmalloc;                // in areas of vmalloc()
    mm::DirectMapPages direct_map{};  // 0 without a kernel half
};

// `spaces` are all address spaces that there are.
MemoryCensus take_census(const mm::PhysicalMemory& memory, std::span<const mm::MmStruct* const> spaces);

// Whether the frame is of a file whose pages do not leave memory, whoever maps them (mapping_unevictable).
bool is_kept(const mm::Frame& frame);
// The frames that a VM_LOCKED mapping holds in memory.
std::unordered_set<Pfn> locked_frames(std::span<const mm::MmStruct* const> spaces);

// nullptr: there is none.
const mm::SwapDevice* swap_of(const mm::PhysicalMemory& memory);
// RAM that can be had, and swap.
PageCount total_memory(const mm::PhysicalMemory& memory);

}  // namespace fl::kernel
