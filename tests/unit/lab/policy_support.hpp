// The policies that tests play reference strings under.
#pragma once

#include <string>
#include <vector>

namespace fl::lab {

// All that can be replayed, with windows and intervals that matter on short strings, and then `variants`.
std::vector<std::string> every_policy(const std::vector<std::string>& variants);

}  // namespace fl::lab
