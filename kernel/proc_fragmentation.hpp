// What the system says of the fragmentation of free memory, in Linux's formats: /proc/pagetypeinfo and the files of
// /sys/kernel/debug/extfrag, and what /proc/sys/vm has for compaction.
#pragma once

#include "kernel/procfs.hpp"
#include "mm/physical_memory.hpp"

#include <string>

namespace fl::kernel {

// mm/vmstat.c, pagetypeinfo_show. A pageblock is unmovable while one of its frames is the kernel's own, else movable;
// free blocks are of the type of the pageblock that they begin in. Nothing is kept in groups by it: the buddy allocator
// has one set of lists.
std::string proc_pagetypeinfo(const mm::PhysicalMemory& memory);
// mm/vmstat.c, extfrag_show_print and unusable_show_print.
std::string extfrag_index(const mm::PhysicalMemory& memory);
std::string unusable_index(const mm::PhysicalMemory& memory);

void add_fragmentation_files(ProcFs& proc);

}  // namespace fl::kernel
