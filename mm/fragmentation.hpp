// How fragmented free memory is, in the two measures of Linux (mm/vmstat.c), in thousandths.
#pragma once

#include "mm/buddy_allocator.hpp"

namespace fl::mm {

// Why an allocation of 2^order frames would fail: towards 0 for want of memory, towards 1000 because what is free is
// scattered; -1000: it would succeed. (__fragmentation_index)
int fragmentation_index(const BuddyAllocator& buddy, unsigned order);
// The part of free memory that an allocation of 2^order frames cannot use, for it lies in smaller blocks; 1000 where
// nothing is free. (unusable_free_index)
int unusable_free_index(const BuddyAllocator& buddy, unsigned order);

}  // namespace fl::mm
