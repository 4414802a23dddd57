// A recorded reference string: which page a program touched, one after the other, and which pages came to an end.
#pragma once

#include "mm/replacement/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::lab {

using replacement::Access;
using replacement::PageId;

// `count` references to the page in a row, all of one kind; or, with a count of 0, something that happens to the page
// between two references.
struct Run {
    static constexpr std::uint32_t max_count = 0x7fff'ffff;

    Run() = default;
    // NOLINTNEXTLINE(google-explicit-constructor,hicpp-explicit-conversions): a page is one read of it
    Run(PageId page_, Access access_ = Access::read, std::uint32_t count_ = 1)
        : page(page_), access(access_), count(count_ & max_count) {}

    // The page exists no more: what had it in memory has a free frame. Its number may come to mean another page.
    static Run gone(PageId page) { return {page, Access::read, 0}; }
    // The kernel copies the page to the one that the next run is about. Where it is not in memory it comes there, by a
    // fault like those of a read; and it does not make room for its copy, but where there is one frame alone.
    static Run needed(PageId page) { return {page, Access::write, 0}; }
    bool is_reference() const { return count != 0; }
    bool is_gone() const { return count == 0 && access == Access::read; }
    bool is_needed() const { return count == 0 && access == Access::write; }

    PageId page = 0;
    Access access : 1 = Access::read;
    std::uint32_t count : 31 = 1;
};
static_assert(sizeof(Run) == 8);

// Pages are numbered densely: the highest number plus one entries are kept for each.
using ReferenceString = std::vector<Run>;

// The number of pages that must be kept for the string: its highest page plus one.
std::size_t page_limit(const ReferenceString& string);
// References, repeated ones included.
std::uint64_t reference_count(const ReferenceString& string);
// Every reference a run of its own / neighbouring runs of the same page and kind joined.
ReferenceString expanded(const ReferenceString& string);
ReferenceString collapsed(const ReferenceString& string);
// Adds the run to the end, joined to the last one where that is of the same page and kind.
void append(ReferenceString& string, const Run& run);

}  // namespace fl::lab
