// SocketOptions: what setsockopt(2) sets at the level SOL_SOCKET (Linux: net/core/sock.c).
#pragma once

#include "mm/errno.hpp"

#include <cstdint>
#include <map>
#include <optional>

namespace fl::kernel {

struct SocketOptions {
    static constexpr std::uint32_t default_buffer_bytes = 212'992;  // net.core.wmem_default
    static constexpr std::uint32_t max_buffer_bytes = 4 << 20;      // net.core.wmem_max

    std::uint32_t send_buffer_bytes = default_buffer_bytes;  // what messages under way may cost together
    std::uint32_t receive_buffer_bytes = default_buffer_bytes;
    std::int32_t receive_low_water = 1;
    std::optional<std::uint64_t> receive_timeout_ns{}, send_timeout_ns{};  // nullopt: for ever
    std::int32_t linger_on = 0, linger_seconds = 0;
    std::int32_t priority = 0;
    bool passes_credentials = false;    // SO_PASSCRED
    std::map<int, std::int32_t> flags;  // options that are on or off and mean nothing here
};

}  // namespace fl::kernel
