#include "mm/replacement/built_in.hpp"

namespace fl::replacement {

const PolicyInfo& built_in::opt() {
    static const PolicyInfo info{"opt",
                                 "the page whose next use is the farthest away leaves: no policy has fewer faults",
                                 "L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM "
                                 "Systems Journal 5(2), 1966",
                                 Needs::future,
                                 {},
                                 nullptr};
    return info;
}

}  // namespace fl::replacement
