// Strings as JSON writes them (RFC 8259, section 7).
#pragma once

#include <string>
#include <string_view>

namespace fl::trace {

// Appends `text` quoted and escaped. Bytes that are not UTF-8 become U+FFFD, so that what comes out is always JSON.
void append_json_string(std::string& to, std::string_view text);
// The same, with null for an empty text.
void append_json_string_or_null(std::string& to, std::string_view text);

}  // namespace fl::trace
