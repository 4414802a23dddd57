// Reference strings, and policies with parameters, that make replays do everything they can do.
#pragma once

#include "lab/reference_string.hpp"

#include <string>
#include <vector>

namespace fl::lab {

struct StringShape {
    std::uint64_t seed;
    std::size_t runs;
    std::uint32_t pages;
    bool has_events;
};

// Pairs of pages that alternate, as code and data do, moving on now and then; runs, writes, pages that end or are
// needed.
ReferenceString random_string(const StringShape& shape);
// Quiet stretches in which hardly anything faults, and thrashing ones, each long enough to be noticed. 60 pages.
ReferenceString string_of_changing_pace();

// Their windows and intervals matter on short strings.
extern const std::vector<std::string> busy_variants;

}  // namespace fl::lab
