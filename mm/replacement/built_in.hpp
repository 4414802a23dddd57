// The policies that come with faultline, one file each.
#pragma once

#include "mm/replacement/policy.hpp"

#include <memory>

namespace fl::replacement::built_in {

const PolicyInfo& arc();
const PolicyInfo& car();
const PolicyInfo& clock();
const PolicyInfo& clock_pro();
const PolicyInfo& fifo();
const PolicyInfo& lfu();
const PolicyInfo& linux_two_lists();
const PolicyInfo& lirs();
const PolicyInfo& lru();
const PolicyInfo& lru_k();
const PolicyInfo& mglru();
const PolicyInfo& mru();
const PolicyInfo& nfu_aging();
const PolicyInfo& nru();
const PolicyInfo& opt();
const PolicyInfo& pff();
const PolicyInfo& random();
const PolicyInfo& s3_fifo();
const PolicyInfo& second_chance();
const PolicyInfo& sieve();
const PolicyInfo& two_queues();
const PolicyInfo& working_set();
const PolicyInfo& wsclock();

// What PolicyInfo::make is for a class that is made from a Setup.
template <class P>
std::unique_ptr<Policy> make(const Setup& setup) {
    return std::make_unique<P>(setup);
}

// The parameter of policies that look at the accessed bit: whether the access that faulted counts.
inline Parameter accessed_on_load(double default_value) {
    return {"load", "whether the access that faulted counts: 1, as hardware has it, or 0, as cache simulators do",
            default_value, 0, 1};
}

}  // namespace fl::replacement::built_in
