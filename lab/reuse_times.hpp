// How long after a reference the same page is referenced again: all that the working set and VMIN depend on.
#pragma once

#include "lab/reference_string.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fl::lab {

// Numbers, counted. In no more memory than there are different ones, and a fixed amount.
class CountedNumbers {
public:
    using Counts = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // number, how often; the least number first

    void add(std::uint64_t number, std::uint64_t count = 1);
    Counts take();

private:
    static constexpr std::size_t small = std::size_t{1} << 16;
    static constexpr std::size_t most_pending = std::size_t{1} << 18;

    void merge();

    std::vector<std::uint64_t> small_ = std::vector<std::uint64_t>(small);  // of numbers below `small`
    Counts pending_;                                                        // others, as they came
    Counts large_;
};

struct ReuseTimes {
    std::uint64_t references = 0;
    std::uint64_t first_uses = 0;
    // By the number of references from one to the next one to its page: 1 where they are neighbours.
    CountedNumbers::Counts again{};
    // Of references that are the last ones of their pages: references from this one to the page's end, or to the
    // string's end, this one included.
    CountedNumbers::Counts last{};
};

// A page that ended and came back is another one. Pages that the kernel has need of are not looked at.
ReuseTimes reuse_times(const ReferenceString& string);

}  // namespace fl::lab
