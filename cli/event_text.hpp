// Events of a recording in words for people. Names come from files that are not trusted: what is returned is printable.
#pragma once

#include "lab/recording_visitor.hpp"

#include <cstdint>
#include <string>

namespace fl::cli {

// "0x400000" of a process, "/bin/a page 3" of a file, "number 12" where nothing else is known.
std::string origin_text(const lab::PageOrigin& origin);
// As a line of /proc/PID/maps begins: "00400000-00403000 r-xp /bin/a".
std::string range_text(const lab::MappedRange& range);
// "00400000-00403000"
std::string addresses_text(std::uint64_t first_page, std::uint64_t page_count);
const char* touch_text(lab::Touch touch);

}  // namespace fl::cli
