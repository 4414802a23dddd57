// LateHits: what a policy is as well that needs every reference, and may yet be told of hits late and in sum.
#pragma once

#include "mm/replacement/policy.hpp"

#include <cstdint>
#include <limits>

namespace fl::replacement {

// Told late means: before anything else happens to the policy it gets one reference() for each page that was hit, in
// the order of their last hits, with the count of all of them, Pages::time() being that of the last. Whether they read
// or wrote is not said. What it does then must be the same as if each had been told when it came; a replay is the
// faster for it.
class LateHits {
public:
    // Whether that holds for the hits of every resident page.
    virtual bool all_may_be_late() const { return true; }
    // Where it does not: whether it holds for this one's, until anything but late hits is told.
    virtual bool may_be_late(PageId /*page*/) const { return true; }
    // shrink() names nobody before this Pages::time(), whatever is hit until then.
    virtual std::uint64_t quiet_until() const { return std::numeric_limits<std::uint64_t>::max(); }

protected:
    ~LateHits() = default;
};

}  // namespace fl::replacement
