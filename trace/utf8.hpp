// UTF-8, read from text that may not be UTF-8 at all: names in ELF files, file names of the host.
#pragma once

#include <string>
#include <string_view>

namespace fl::trace {

struct Utf8Character {
    char32_t code_point;  // meaningless where invalid
    unsigned byte_count;  // at least 1
    bool valid;
};

// The character at the start of `text`, which is not empty (Unicode 15, table 3-7). Where the bytes are none, it is
// one invalid byte.
Utf8Character first_character(std::string_view text);

// The text, with U+FFFD in place of each byte that is not UTF-8.
std::string valid_utf8(std::string_view text);

}  // namespace fl::trace
