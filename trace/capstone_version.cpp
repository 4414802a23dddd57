#include "trace/capstone_version.hpp"

#include <capstone/capstone.h>

namespace fl::trace {

std::string capstone_version() {
    int major = 0, minor = 0;
    cs_version(&major, &minor);
    return std::to_string(major) + "." + std::to_string(minor);
}

}  // namespace fl::trace
