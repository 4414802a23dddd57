#include "lab/occurrences.hpp"

#include <algorithm>

namespace fl::lab {

template <class Belongs>
Occurrences::Groups Occurrences::group(const ReferenceString& string, std::size_t page_limit, Belongs belongs) {
    // Each page's end first, then the runs from the last one down: the ends become the starts.
    Groups groups;
    groups.starts.resize(page_limit + 1);
    for (const Run& run : string)
        if (belongs(run)) ++groups.starts[run.page];
    std::uint32_t end = 0;
    for (std::uint32_t& start : groups.starts) start = end += start;
    groups.runs.resize(end);
    for (std::size_t i = string.size(); i-- > 0;)
        if (belongs(string[i])) groups.runs[--groups.starts[string[i].page]] = static_cast<std::uint32_t>(i);
    return groups;
}

Occurrences::Occurrences(const ReferenceString& string, std::size_t page_limit)
    : string_(string),
      all_(group(string, page_limit, [](const Run&) { return true; })),
      writes_(
          group(string, page_limit, [](const Run& run) { return run.is_reference() && run.access == Access::write; })) {
    std::uint64_t references = 0;
    references_before_.reserve((string.size() >> sample_shift) + 1);
    for (std::size_t i = 0; i < string.size(); ++i) {
        if (i % (1U << sample_shift) == 0) references_before_.push_back(references);
        references += string[i].count;
        if (!string[i].is_reference()) events_.push_back(static_cast<std::uint32_t>(i));
    }
    if (string.size() % (1U << sample_shift) == 0) references_before_.push_back(references);
}

std::uint64_t Occurrences::references_before(std::uint32_t run) const {
    std::uint64_t references = references_before_[run >> sample_shift];
    for (std::uint32_t i = run >> sample_shift << sample_shift; i < run; ++i) references += string_[i].count;
    return references;
}

std::uint32_t count_below(std::span<const std::uint32_t> ascending, std::uint32_t limit, std::uint32_t known) {
    // Steps that double, then halves of the last one.
    std::size_t low = known;
    std::size_t step = 1;
    while (low + step <= ascending.size() && ascending[low + step - 1] < limit) {
        low += step;
        step *= 2;
    }
    const auto from = ascending.begin() + static_cast<std::ptrdiff_t>(low);
    const auto to = ascending.begin() + static_cast<std::ptrdiff_t>(std::min(ascending.size(), low + step - 1));
    return static_cast<std::uint32_t>(std::lower_bound(from, to, limit) - ascending.begin());
}

}  // namespace fl::lab
