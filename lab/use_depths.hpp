// The one walk over a reference string that both the LRU and the OPT curve take.
#pragma once

#include "lab/miss_curve.hpp"
#include "lab/reference_string.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::lab {

// `stack` tells of each use how deep it found the page (0: new), and hears of pages that end. References in a row to
// one page are one use: the page is on top of any stack. A page that the kernel has need of is used.
template <class Stack>
MissCurve curve_of(const ReferenceString& string, Stack& stack) {
    std::vector<std::uint64_t> depths(2);
    std::uint64_t references = 0;
    PageId on_top = replacement::no_page;
    for (const Run& run : string) {
        references += run.count;
        if (run.is_gone()) {
            stack.remove(run.page);
            if (run.page == on_top) on_top = replacement::no_page;
        } else if (run.page != on_top) {
            on_top = run.page;
            const std::size_t depth = stack.use(run.page);
            if (depth >= depths.size()) depths.resize(depth + 1);
            ++depths[depth];
        }
    }
    return {references, depths};
}

}  // namespace fl::lab
