// Standard output, where a command prints what it was asked for.
#pragma once

#include <string_view>

namespace fl::cli {

// Writes all of it; false, with one line on standard error, where it cannot be.
bool print_output(std::string_view text);

}  // namespace fl::cli
