#include "trace/report/page.hpp"

#include "emu/assert.hpp"
#include "trace/report/page_template.hpp"
#include "trace/utf8.hpp"

namespace fl::trace::report {

namespace {

// The text before a mark, which it takes away from `text` with the mark.
std::string_view take_until(std::string_view& text, std::string_view mark) {
    const std::size_t at = text.find(mark);
    FL_ASSERT(at != std::string_view::npos);
    const std::string_view before = text.substr(0, at);
    text.remove_prefix(at + mark.size());
    return before;
}

}  // namespace

std::string html_escaped(std::string_view text) {
    std::string escaped;
    while (!text.empty()) {
        const Utf8Character character = first_character(text);
        const std::string_view bytes = text.substr(0, character.byte_count);
        if (!character.valid) {
            escaped += "\xef\xbf\xbd";
        } else if (character.code_point < 0x20 || character.code_point == 0x7f) {
            escaped += ' ';
        } else if (bytes == "&") {
            escaped += "&amp;";
        } else if (bytes == "<") {
            escaped += "&lt;";
        } else if (bytes == ">") {
            escaped += "&gt;";
        } else if (bytes == "\"") {
            escaped += "&quot;";
        } else if (bytes == "'") {
            escaped += "&#39;";
        } else {
            escaped += bytes;
        }
        text.remove_prefix(character.byte_count);
    }
    return escaped;
}

std::string page(std::string_view title, std::string_view packed) {
    std::string_view rest = page_template;
    std::string text;
    text.reserve(page_template.size() + packed.size() + 6 * title.size());
    text += take_until(rest, "{{title}}");
    text += html_escaped(title);
    text += take_until(rest, "{{payload}}");
    text += packed;
    text += rest;
    return text;
}

}  // namespace fl::trace::report
