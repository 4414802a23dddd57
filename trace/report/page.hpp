// The report's page: HTML, styles, scripts and dygraphs in one file, with a payload in it. The files of
// trace/report/page become part of the program when it is built (cmake/ReportPage.cmake).
#pragma once

#include "trace/report/payload.hpp"

#include <string>
#include <string_view>

namespace fl::trace::report {

// A whole HTML file. `title` may hold any bytes, `packed` is Payload::pack()'s. Throws std::bad_alloc.
std::string page(std::string_view title, std::string_view packed);

// For text between tags and in quoted attributes; what is not UTF-8 becomes U+FFFD, control characters become spaces.
std::string html_escaped(std::string_view text);

}  // namespace fl::trace::report
