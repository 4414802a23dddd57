#include "lab/reference_string.hpp"

#include <algorithm>

namespace fl::lab {

std::size_t page_limit(const ReferenceString& string) {
    std::size_t limit = 0;
    for (const Run& run : string) limit = std::max(limit, std::size_t{run.page} + 1);
    return limit;
}

std::uint64_t reference_count(const ReferenceString& string) {
    std::uint64_t count = 0;
    for (const Run& run : string) count += run.count;
    return count;
}

ReferenceString expanded(const ReferenceString& string) {
    ReferenceString result;
    for (const Run& run : string) {
        if (run.is_reference()) {
            result.insert(result.end(), run.count, Run{run.page, run.access});
        } else {
            result.push_back(run);
        }
    }
    return result;
}

ReferenceString collapsed(const ReferenceString& string) {
    ReferenceString result;
    for (const Run& run : string) append(result, run);
    return result;
}

void append(ReferenceString& string, const Run& run) {
    if (!string.empty() && run.is_reference()) {
        Run& last = string.back();
        const bool joins = last.is_reference() && last.page == run.page && last.access == run.access;
        if (joins && last.count <= Run::max_count - run.count) {
            last.count = (last.count + run.count) & Run::max_count;
            return;
        }
    }
    string.push_back(run);
}

}  // namespace fl::lab
