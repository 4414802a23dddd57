// Strings and lists as JSON writes them (RFC 8259, sections 5 and 7).
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace fl::trace {

// Appends `text` quoted and escaped. Bytes that are not UTF-8 become U+FFFD, so that what comes out is always JSON.
void append_json_string(std::string& to, std::string_view text);
// The same, with null for an empty text.
void append_json_string_or_null(std::string& to, std::string_view text);

// Appends a list; append_one(element) appends each of its elements to the same text.
template <class Elements, class AppendOne>
void append_json_list(std::string& to, const Elements& elements, AppendOne&& append_one) {
    to += '[';
    const char* comma = "";
    for (const auto& element : elements) {
        to += std::exchange(comma, ",");
        append_one(element);
    }
    to += ']';
}

}  // namespace fl::trace
