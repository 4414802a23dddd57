// What a process may do that is kept from others (Linux: struct cred's capability sets,
// include/uapi/linux/capability.h).
#pragma once

#include <cstdint>

namespace fl::kernel {

enum class Capability : std::uint8_t {
    ipc_lock = 14,
    ipc_owner = 15,
    sys_rawio = 17,
    sys_ptrace = 19,
    sys_admin = 21,
    sys_nice = 23,
    sys_resource = 24,
};

// A bit for each capability that Linux 6.18 knows.
inline constexpr std::uint64_t all_capabilities = (std::uint64_t{1} << 41) - 1;

// Invariant: effective is a part of permitted. As with root's processes, nothing is kept out of the bounding set.
struct CapabilitySets {
    std::uint64_t effective = all_capabilities;
    std::uint64_t permitted = all_capabilities;
    std::uint64_t inheritable = 0;

    bool has(Capability capability) const { return (effective >> static_cast<unsigned>(capability) & 1) != 0; }
};

}  // namespace fl::kernel
