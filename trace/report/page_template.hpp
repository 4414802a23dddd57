// The page without its title and payload, which stand as {{title}} and {{payload}}, once each and in this order. Its
// source is written by the build: cmake/ReportPage.cmake.
#pragma once

#include <string_view>

namespace fl::trace::report {

extern const std::string_view page_template;

}  // namespace fl::trace::report
