// Bytes of a file that is not trusted, as messages show them.
#pragma once

#include <string>
#include <string_view>

namespace fl::lab {

// Between quotes, no longer than a message can bear, with '?' for what is not printable ASCII.
std::string quoted(std::string_view bytes);

}  // namespace fl::lab
