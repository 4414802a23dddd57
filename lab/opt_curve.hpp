// The faults of OPT at every number of frames, in one pass.
#pragma once

#include "lab/miss_curve.hpp"
#include "lab/reference_string.hpp"

namespace fl::lab {

// As many as replays of `opt`, at each number of frames.
MissCurve opt_curve(const ReferenceString& string);

}  // namespace fl::lab
