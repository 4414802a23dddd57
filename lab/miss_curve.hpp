// MissCurve: the faults of a policy that never does worse with more frames, at every number of frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::lab {

class MissCurve {
public:
    // depths[d]: uses that found their page at depth d of the policy's stack, from 1 for the top: with d frames or more
    // it was in memory. depths[0]: uses of pages that were new.
    MissCurve(std::uint64_t references, const std::vector<std::uint64_t>& depths);

    std::uint64_t references() const { return references_; }
    // Faults that any number of frames has: first uses of pages. A page that ended and came back is another one.
    std::uint64_t compulsory() const { return compulsory_; }
    // First uses included. `frames`: 1 or more.
    std::uint64_t faults(std::uint64_t frames) const {
        return frames <= others_.size() ? compulsory_ + others_[frames - 1] : compulsory_;
    }
    // Faults for each reference; 0 where there are no references.
    double miss_ratio(std::uint64_t frames) const;
    // The fewest frames with which no faults but the compulsory ones are left; more are of no use. 1 or more.
    std::uint64_t enough_frames() const { return others_.size() + 1; }

private:
    std::uint64_t references_;
    std::uint64_t compulsory_;
    std::vector<std::uint64_t>
        others_;  // faults that are not compulsory at 1, 2, ... frames, for as long as there are any
};

}  // namespace fl::lab
