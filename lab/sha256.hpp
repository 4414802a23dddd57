// SHA-256 (FIPS 180-4), as sha256sum(1) prints it: 64 hexadecimal digits. It names what a sweep was made from.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>

namespace fl::lab {

std::string sha256(std::string_view text);
// The error is one line that names the file.
tl::expected<std::string, std::string> sha256_of_file(const std::string& path);

}  // namespace fl::lab
