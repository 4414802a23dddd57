#include "lab/lru_curve.hpp"

#include "lab/lru_stack.hpp"
#include "lab/use_depths.hpp"

namespace fl::lab {

MissCurve lru_curve(const ReferenceString& string) {
    LruStack stack(page_limit(string));
    return curve_of(string, stack);
}

}  // namespace fl::lab
