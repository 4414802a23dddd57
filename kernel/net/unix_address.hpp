// UnixAddress: the name of a socket of AF_UNIX (Linux: struct sockaddr_un, struct unix_address): a path, any bytes
// behind a NUL (abstract), or none.
#pragma once

#include "mm/errno.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fl::kernel {

struct UnixAddress {
    static constexpr std::size_t family_bytes = 2, max_path_bytes = 108;

    std::string name;  // sun_path without the NUL behind a path

    bool is_unnamed() const { return name.empty(); }
    bool is_abstract() const { return !name.empty() && name.front() == '\0'; }
    // struct sockaddr_un as a program gets it, as long as it is.
    std::vector<std::byte> encoded() const;
    // unix_validate_addr(): EINVAL for another family, no name at all, or too long a one.
    static Result<UnixAddress> decoded(std::span<const std::byte> bytes);
};

}  // namespace fl::kernel
