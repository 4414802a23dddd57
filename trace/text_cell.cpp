#include "trace/text_cell.hpp"

#include "trace/utf8.hpp"

namespace fl::trace {

namespace {

bool is_control(char32_t code_point) {
    const bool c0_or_c1 = code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
    // Line separators, and marks that turn the direction of writing around.
    const bool layout = (code_point >= 0x200b && code_point <= 0x200f) ||
                        (code_point >= 0x2028 && code_point <= 0x202e) ||
                        (code_point >= 0x2060 && code_point <= 0x206f) || code_point == 0xfeff;
    return c0_or_c1 || layout;
}

// The first `count` characters.
std::string_view first_characters(std::string_view text, unsigned count) {
    std::size_t bytes = 0;
    for (; count > 0 && bytes < text.size(); --count) bytes += first_character(text.substr(bytes)).byte_count;
    return text.substr(0, bytes);
}

}  // namespace

std::string printable(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const Utf8Character character = first_character(text);
        if (!character.valid || is_control(character.code_point)) {
            result += '?';
        } else {
            result += text.substr(0, character.byte_count);
        }
        text.remove_prefix(character.byte_count);
    }
    return result;
}

unsigned display_width(std::string_view text) {
    unsigned width = 0;
    for (const char byte : text) {
        if ((static_cast<unsigned char>(byte) & 0xc0U) != 0x80U) ++width;
    }
    return width;
}

void append_shaped(std::string& to, std::string_view text, CellShape shape) {
    const unsigned width = display_width(text);
    if (width > shape.width && shape.cut != Cut::never && shape.width > 0) {
        const std::size_t dropped = first_characters(text, width - shape.width + 1).size();
        if (shape.cut == Cut::front) {
            to += '~';
            to += text.substr(dropped);
        } else {
            to += first_characters(text, shape.width - 1);
            to += '~';
        }
        return;
    }
    const std::size_t padding = width < shape.width ? shape.width - width : 0;
    if (shape.align == Align::right) to.append(padding, ' ');
    to += text;
    if (shape.align == Align::left) to.append(padding, ' ');
}

}  // namespace fl::trace
