// Files of the host, read and written whole. Every error is one line that names the file.
#pragma once

#include <tl/expected.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace fl::lab {

// Hands on the bytes, piece by piece.
tl::expected<void, std::string> read_pieces(const std::string& path, const std::function<void(std::string_view)>& take);
tl::expected<std::string, std::string> read_file(const std::string& path);

// The file has the old bytes or the new ones at all times, whatever happens to us or to the machine.
tl::expected<void, std::string> replace_file(const std::string& path, std::string_view bytes);
// The same, where somebody else writes the bytes: into a file beside it, whose name `write` is given.
tl::expected<void, std::string> replace_file(
    const std::string& path, const std::function<tl::expected<void, std::string>(const std::string& path)>& write);

}  // namespace fl::lab
