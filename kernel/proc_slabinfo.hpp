// /proc/slabinfo, version 2.1 (mm/slab_common.c, slab_show).
#pragma once

#include "mm/physical_memory.hpp"

#include <string>

namespace fl::kernel {

// A line for each cache, the one made last first.
std::string proc_slabinfo(const mm::PhysicalMemory& memory);

}  // namespace fl::kernel
