#include "mm/print_to.hpp"

#include <fmt/format.h>

#include <iterator>

namespace fl {

void vprint_to(std::string& text, fmt::string_view format, fmt::format_args values) {
    fmt::vformat_to(std::back_inserter(text), format, values);
}

}  // namespace fl
