// Lanes: replays of one string under one policy at many sizes, side by side in one pass: what a reference does to
// memories that have its page already is done for all of them at once.
#pragma once

#include "lab/prepared_string.hpp"
#include "lab/replay.hpp"

#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fl::lab {

struct LaneOptions {
    std::uint32_t frames = 1;  // 1 or more
    std::uint64_t seed = 0;
};

// How many replays of the string it pays to play in one call; 1: this policy is replayed one size after the other.
std::size_t lanes_at_once(const PreparedString& string, const replacement::PolicyChoice& policy);
// The counts of each lane are those of replay() with Checks::built_in_off. Any number of lanes.
tl::expected<std::vector<ReplayCounts>, std::string> replay_lanes(const PreparedString& string,
                                                                  const replacement::PolicyChoice& policy,
                                                                  std::span<const LaneOptions> lanes);

}  // namespace fl::lab
