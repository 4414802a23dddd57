#include "mm/replacement/built_in.hpp"
#include "mm/replacement/recency_policy.hpp"

namespace fl::replacement {

const PolicyInfo& built_in::lru() {
    static const PolicyInfo info{
        "lru",
        "the page not used for longest leaves; exact, not an approximation",
        "R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger, Evaluation techniques for storage "
        "hierarchies, IBM Systems Journal 9(2), 1970",
        Needs::every_reference,
        {},
        make<RecencyPolicy<first_evictable>>};
    return info;
}

}  // namespace fl::replacement
