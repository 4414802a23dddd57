// The faults of LRU at every number of frames, in one pass.
#pragma once

#include "lab/miss_curve.hpp"
#include "lab/reference_string.hpp"

namespace fl::lab {

// As many as replays of `lru`, at each number of frames. A page that the kernel has need of counts as read: where a
// string has needed pages that were not used just before (a recorder's has not), a replay with few frames, which leaves
// such a page where it is in LRU's order, may differ.
MissCurve lru_curve(const ReferenceString& string);

}  // namespace fl::lab
