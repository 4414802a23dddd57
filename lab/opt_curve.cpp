#include "lab/opt_curve.hpp"

#include "lab/opt_stack.hpp"
#include "lab/use_depths.hpp"

namespace fl::lab {

MissCurve opt_curve(const ReferenceString& string) {
    OptStack stack(page_limit(string));
    return curve_of(string, stack);
}

}  // namespace fl::lab
