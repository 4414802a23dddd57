// What `faultline curve` prints: plots, and tables at the sizes that tell most.
#pragma once

#include "cli/curve_set.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fl::cli {

// Numbers of frames where one frame more saves much: at most four, the least first. A loop over as many pages is one.
std::vector<std::uint64_t> knees(const lab::MissCurve& curve);

// `width`: columns of the plots. `source`: the name of the string, for the head.
std::string curve_report(const CurveSet& curves, const std::string& source, std::size_t width);

}  // namespace fl::cli
