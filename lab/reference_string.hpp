// A recorded reference string: which page a program touched, one after the other.
#pragma once

#include "mm/replacement/policy.hpp"

#include <cstdint>
#include <vector>

namespace fl::lab {

using replacement::Access;
using replacement::PageId;

// `count` references to the page in a row, all of one kind.
struct Run {
    PageId page;
    Access access = Access::read;
    std::uint32_t count = 1;
};

// Pages are numbered densely: the highest number plus one entries are kept for each.
using ReferenceString = std::vector<Run>;

// The number of pages that must be kept for the string: its highest page plus one.
std::size_t page_limit(const ReferenceString& string);
// Every reference a run of its own / neighbouring runs of the same page and kind joined.
ReferenceString expanded(const ReferenceString& string);
ReferenceString collapsed(const ReferenceString& string);

}  // namespace fl::lab
