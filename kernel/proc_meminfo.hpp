// The views of the whole machine's memory, in the formats of Linux: /proc/meminfo, vmstat, zoneinfo, swaps, buddyinfo,
// iomem.
//
// There is one node with one zone, Normal, that is all of RAM. What the machine does not have (huge pages, lists of
// active pages) is 0, as Linux prints it on a machine without; every page that could be reclaimed counts as
// inactive.
#pragma once

#include "kernel/memory_census.hpp"
#include "mm/fault_event.hpp"

#include <string>

namespace fl::kernel {

// How a line about the zone begins, and its name.
inline constexpr const char* zone_line = "Node 0, zone {:>8}";
inline constexpr const char* zone_name = "Normal";

// fs/proc/meminfo.c.
std::string proc_meminfo(const MemoryCensus& census);
// mm/vmstat.c: every name that 6.18 prints, in its order.
std::string proc_vmstat(const MemoryCensus& census, const mm::FaultCounters& faults, const mm::PhysicalMemory& memory);
// mm/vmstat.c, zoneinfo_show_print, without per-processor page sets.
std::string proc_zoneinfo(const MemoryCensus& census, const mm::PhysicalMemory& memory);
// mm/swapfile.c, swap_show: the one device, if there is one.
std::string proc_swaps(const mm::PhysicalMemory& memory);
// mm/vmstat.c, frag_show_print.
std::string proc_buddyinfo(const mm::PhysicalMemory& memory);
// mm/vmalloc.c: each area, its guard page included.
std::string proc_vmallocinfo(const mm::PhysicalMemory& memory);
// kernel/resource.c: what lies where in physical memory.
std::string proc_iomem(const mm::PhysicalMemory& memory);

}  // namespace fl::kernel
