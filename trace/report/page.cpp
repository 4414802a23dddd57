#include "trace/report/page.hpp"

#include "trace/report/page_template.hpp"
#include "trace/utf8.hpp"

namespace fl::trace::report {

namespace {

std::string replaced(std::string_view text, std::string_view mark, std::string_view with) {
    const std::size_t at = text.find(mark);
    std::string result(text.substr(0, at));
    result.reserve(text.size() + with.size());
    result += with;
    result += text.substr(at + mark.size());
    return result;
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
    // The payload last: it is long, and base64 holds no mark.
    return replaced(replaced(page_template, "{{title}}", html_escaped(title)), "{{payload}}", packed);
}

}  // namespace fl::trace::report
