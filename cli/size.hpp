// Sizes as people write them, and as people like to read them.
#pragma once

#include "emu/address.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace fl::cli {

// Bytes: "4096", "512K", "64M", "64MiB", "1g", "2TB", "100pages": decimal digits and an optional K, M, G or T, always a
// power of 1024, with an optional B or iB; or "page" or "pages", of 4 KiB. The error says what is wrong with the text.
tl::expected<std::uint64_t, std::string> parse_size(std::string_view text);

// Pages: a bare number is one of pages; with a unit it is a size, of which only whole pages count. The error as above.
tl::expected<PageCount, std::string> parse_page_count(std::string_view text);

// "512 B", "64 KiB", "1.5 MiB": at most one digit after the point.
std::string humanised(std::uint64_t size_bytes);

}  // namespace fl::cli
