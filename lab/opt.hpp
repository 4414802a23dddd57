// What the best policies would do that know the future: bounds for all others.
#pragma once

#include "lab/reference_string.hpp"
#include "lab/replay.hpp"

#include <cstdint>
#include <vector>

namespace fl::lab {

// For each run of the string the index of the next run of the same page, or the length of the string: none.
std::vector<std::uint32_t> next_runs(const ReferenceString& string);

// Belady's OPT, or MIN: the page whose next use is the farthest away leaves; of several that are not used again, the
// one with the highest number. (L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM
// Systems Journal 5(2), 1966.) O(log frames) for each run.
ReplayCounts replay_opt(const ReferenceString& string, const ReplayOptions& options);

// VMIN: a page stays after a reference where its next one is at most `window` references away, else it leaves at once.
// As many faults as the working set of this window, with the least memory. (B. G. Prieve, R. S. Fabry, VMIN: an optimal
// variable-space page replacement algorithm, Communications of the ACM 19(5), 1976.)
struct VminOptions {
    std::uint64_t window = 1;
};
ReplayCounts replay_vmin(const ReferenceString& string, const VminOptions& options);

}  // namespace fl::lab
