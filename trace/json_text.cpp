#include "trace/json_text.hpp"

#include "mm/print_to.hpp"
#include "trace/utf8.hpp"

namespace fl::trace {

namespace {

constexpr std::string_view replacement_character = "\xef\xbf\xbd";

void append_ascii(std::string& to, char character) {
    switch (character) {
        case '"': to += "\\\""; return;
        case '\\': to += "\\\\"; return;
        case '\n': to += "\\n"; return;
        case '\r': to += "\\r"; return;
        case '\t': to += "\\t"; return;
        default: break;
    }
    // DEL needs no escape in JSON, but people look at these files on terminals.
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) {
        print_to(to, "\\u{:04x}", static_cast<unsigned>(character));
    } else {
        to += character;
    }
}

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
    to += '"';
    while (!text.empty()) {
        const Utf8Character character = first_character(text);
        if (!character.valid) {
            to += replacement_character;
        } else if (character.byte_count == 1) {
            append_ascii(to, text.front());
        } else {
            to += text.substr(0, character.byte_count);
        }
        text.remove_prefix(character.byte_count);
    }
    to += '"';
}

void append_json_string_or_null(std::string& to, std::string_view text) {
    if (text.empty()) {
        to += "null";
    } else {
        append_json_string(to, text);
    }
}

}  // namespace fl::trace
