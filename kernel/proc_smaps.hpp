// /proc/PID/smaps and smaps_rollup, byte for byte as Linux prints them (fs/proc/task_mmu.c, smap_gather_stats and
// show_smap).
//
// Pss divides each page by its mappings. Referenced and dirty are the A and D bits of the page tables, and of a file's
// page whether it is newer than its file. SwapPss divides a slot by the entries that name it; a page of shared memory
// in swap counts as Swap of every mapping that covers it, and as nobody's SwapPss. What this machine has no source for
// is 0: huge pages, KSM.
#pragma once

#include "mm/mm_struct.hpp"

#include <cstdint>
#include <string>

namespace fl::kernel {

// struct mem_size_stats; bytes, Pss figures in 1/4096 of a byte (PSS_SHIFT).
struct MemorySizes {
    std::uint64_t resident = 0, shared_clean = 0, shared_dirty = 0, private_clean = 0, private_dirty = 0;
    std::uint64_t referenced = 0, anonymous = 0, lazyfree = 0, anonymous_huge = 0;
    std::uint64_t swap = 0, swap_pss = 0;
    std::uint64_t pss = 0, pss_anonymous = 0, pss_file = 0, pss_shared_memory = 0, pss_dirty = 0, pss_locked = 0;
};

// Adds the pages of one VMA.
void gather_sizes(const mm::MmStruct& mm, const mm::Vma& vma, MemorySizes& sizes);

// "rd wr mr mw me ac ", as the line VmFlags has it.
std::string vm_flags_mnemonics(mm::VmFlags flags);

std::string proc_smaps(const mm::MmStruct& mm);
std::string proc_smaps_rollup(const mm::MmStruct& mm);

}  // namespace fl::kernel
