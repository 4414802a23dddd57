#include "mm/replacement/built_in.hpp"
#include "mm/replacement/recency_policy.hpp"

namespace fl::replacement {

const PolicyInfo& built_in::mru() {
    static const PolicyInfo info{
        "mru",
        "the page that was used last leaves: best on loops that are larger than memory",
        "R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger, Evaluation techniques for storage "
        "hierarchies, IBM Systems Journal 9(2), 1970",
        Needs::every_reference,
        {},
        make<RecencyPolicy<last_evictable>>};
    return info;
}

}  // namespace fl::replacement
