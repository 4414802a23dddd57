// What to say of a name that there is not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fl::mm {

// "unknown policy 'lur'; did you mean 'lru'?", or, where no name is near enough to be meant, which ones there are.
std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string_view>& names);

}  // namespace fl::mm
