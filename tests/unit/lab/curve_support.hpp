// Reference strings for the tests of curves, and replays to compare them with.
#pragma once

#include "lab/reference_string.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace fl::lab {

struct StringShape {
    std::uint64_t seed = 0;  // its remainder by 6 says how pages follow each other
    std::size_t runs = 0;
    std::uint32_t pages = 1;
    std::uint32_t gone_every = 0;  // on average; 0: never
};
// Uniform, few pages hot, loops, phases, up and down, working sets that move; with writes, with runs, with pages that
// end and some that come back, and with pages that the kernel needs right after they were used.
ReferenceString string_of_shape(const StringShape& shape);

// The faults of a replay.
std::uint64_t replay_faults(const ReferenceString& string, const std::string& policy, std::uint32_t frames);

// The fewest faults there can be with so many frames: every choice of victims is tried. For short strings.
std::uint64_t fewest_faults(const ReferenceString& string, std::size_t frames);

// The strings of tests/data/textbook-strings.json.
const nlohmann::json& textbook_strings();
ReferenceString textbook_string(const nlohmann::json& entry);

}  // namespace fl::lab
