// What each kind of fault means, in a sentence for people.
#pragma once

#include "mm/fault_event.hpp"

#include <string_view>

namespace fl::trace {

// Why such a fault happens and what it leads to.
std::string_view explanation(mm::FaultKind kind);

}  // namespace fl::trace
