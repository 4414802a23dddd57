#include "emu/unicorn_version.hpp"

#include <unicorn/unicorn.h>

namespace fl::emu {

std::string unicorn_version() {
    // From the top: major, minor and patch, and what comes before a release.
    const unsigned version = uc_version(nullptr, nullptr);
    const auto part = [version](unsigned shift) { return std::to_string((version >> shift) & 0xffU); };
    return part(24) + "." + part(16) + "." + part(8);
}

}  // namespace fl::emu
