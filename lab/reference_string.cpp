#include "lab/reference_string.hpp"

#include <algorithm>
#include <limits>

namespace fl::lab {

std::size_t page_limit(const ReferenceString& string) {
    std::size_t limit = 0;
    for (const Run& run : string) limit = std::max(limit, std::size_t{run.page} + 1);
    return limit;
}

ReferenceString expanded(const ReferenceString& string) {
    ReferenceString result;
    for (const Run& run : string) result.insert(result.end(), run.count, Run{run.page, run.access, 1});
    return result;
}

ReferenceString collapsed(const ReferenceString& string) {
    ReferenceString result;
    for (const Run& run : string) {
        const bool joins = !result.empty() && result.back().page == run.page && result.back().access == run.access &&
                           result.back().count <= std::numeric_limits<std::uint32_t>::max() - run.count;
        if (joins) {
            result.back().count += run.count;
        } else {
            result.push_back(run);
        }
    }
    return result;
}

}  // namespace fl::lab
