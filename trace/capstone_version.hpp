// Which Capstone is at work.
#pragma once

#include <string>

namespace fl::trace {

// "4.0", which is all that it says: of the library that this process runs with, whatever it was built against.
std::string capstone_version();

}  // namespace fl::trace
