#include "trace/utf8.hpp"

namespace fl::trace {

namespace {

constexpr Utf8Character invalid_byte{0, 1, false};

constexpr unsigned byte_at(std::string_view text, std::size_t index) { return static_cast<unsigned char>(text[index]); }

// How many bytes follow a first byte; 0 for a byte that cannot be first in a longer sequence.
constexpr unsigned continuation_count(unsigned first) {
    if (first >= 0xc2 && first <= 0xdf) return 1;
    if (first >= 0xe0 && first <= 0xef) return 2;
    if (first >= 0xf0 && first <= 0xf4) return 3;
    return 0;
}

// Written longer than needed, half of a surrogate pair, or beyond the last code point.
constexpr bool forbidden(char32_t code_point, unsigned continuations) {
    constexpr char32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    return code_point < smallest[continuations] || (code_point >= 0xd800 && code_point <= 0xdfff) ||
           code_point > 0x10ffff;
}

}  // namespace

Utf8Character first_character(std::string_view text) {
    const unsigned first = byte_at(text, 0);
    if (first < 0x80) return {first, 1, true};
    const unsigned continuations = continuation_count(first);
    if (continuations == 0 || text.size() <= continuations) return invalid_byte;
    char32_t code_point = first & (0x3fU >> continuations);
    for (unsigned index = 1; index <= continuations; ++index) {
        const unsigned byte = byte_at(text, index);
        if ((byte & 0xc0U) != 0x80U) return invalid_byte;
        code_point = code_point << 6U | (byte & 0x3fU);
    }
    if (forbidden(code_point, continuations)) return invalid_byte;
    return {code_point, continuations + 1, true};
}

std::string valid_utf8(std::string_view text) {
    std::string valid;
    valid.reserve(text.size());
    while (!text.empty()) {
        const Utf8Character character = first_character(text);
        valid += character.valid ? text.substr(0, character.byte_count) : "\xef\xbf\xbd";
        text.remove_prefix(character.byte_count);
    }
    return valid;
}

}  // namespace fl::trace
