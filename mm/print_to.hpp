// print_to(): formatted text at the end of a string.
//
// fmt::format_to(std::back_inserter(text), ...) does the same, but has each file that says it compile fmt's core anew,
// which takes seconds. This one is compiled once.
#pragma once

#include <fmt/core.h>

#include <string>

namespace fl {

void vprint_to(std::string& text, fmt::string_view format, fmt::format_args values);

template <class... Values>
void print_to(std::string& text, fmt::format_string<Values...> format, Values&&... values) {
    vprint_to(text, format, fmt::make_format_args(values...));
}

}  // namespace fl
