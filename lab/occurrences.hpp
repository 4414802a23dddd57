// Occurrences: for each page the runs of a string in which it occurs, as one array of run numbers: 4 bytes for each
// run, and as many again for each write. So the next use of a page, and whether it was used or written between two
// runs, is found without passing over the string.
#pragma once

#include "lab/reference_string.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fl::lab {

class Occurrences {
public:
    // `page_limit` is the string's. Less than 2^32 runs.
    Occurrences(const ReferenceString& string, std::size_t page_limit);

    // All runs of the page, and those of them that write, ascending.
    std::span<const std::uint32_t> of(PageId page) const { return all_.of(page); }
    std::span<const std::uint32_t> writes_of(PageId page) const { return writes_.of(page); }
    // All runs that are no references, ascending.
    std::span<const std::uint32_t> events() const { return events_; }
    // References in the runs before this one; the length of the string: in all of them.
    std::uint64_t references_before(std::uint32_t run) const;

private:
    // Numbers in groups, one group a page.
    struct Groups {
        std::vector<std::uint32_t> starts;  // by page, and one more
        std::vector<std::uint32_t> runs;

        std::span<const std::uint32_t> of(PageId page) const {
            return {runs.data() + starts[page], starts[std::size_t{page} + 1] - starts[page]};
        }
    };
    template <class Belongs>
    static Groups group(const ReferenceString& string, std::size_t page_limit, Belongs belongs);

    static constexpr std::uint32_t sample_shift = 5;  // sums are kept of every 32nd run

    const ReferenceString& string_;
    Groups all_;
    Groups writes_;
    std::vector<std::uint32_t> events_;
    std::vector<std::uint64_t> references_before_;
};

// How many of ascending numbers are less than `limit`, `known` of them for sure: quick where they are not many more.
std::uint32_t count_below(std::span<const std::uint32_t> ascending, std::uint32_t limit, std::uint32_t known);

}  // namespace fl::lab
