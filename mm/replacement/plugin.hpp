// Policies from shared objects.
#pragma once

#include "mm/replacement/policy.hpp"

#include <tl/expected.hpp>

#include <string>

namespace fl::replacement {

// The policy of the shared object at `path`, for ever: it is never unloaded. The error is one line that names the file.
tl::expected<const PolicyInfo*, std::string> load_plugin(const std::string& path);

// What is wrong with a policy's description; empty: nothing.
std::string flaw_of(const PolicyInfo& info);

}  // namespace fl::replacement
