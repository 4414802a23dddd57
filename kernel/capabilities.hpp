// What a process may do that is kept from others (Linux: struct cred's capability sets,
// include/uapi/linux/capability.h).
#pragma once

#include <cstdint>

namespace fl::kernel {

// Those that something here asks for.
enum class Capability : std::uint8_t {
    chown = 0,
    dac_override = 1,
    dac_read_search = 2,
    fowner = 3,
    fsetid = 4,
    kill = 5,
    setgid = 6,
    setuid = 7,
    setpcap = 8,
    linux_immutable = 9,
    ipc_lock = 14,
    ipc_owner = 15,
    sys_rawio = 17,
    sys_ptrace = 19,
    sys_pacct = 20,
    sys_admin = 21,
    sys_boot = 22,
    sys_nice = 23,
    sys_resource = 24,
    sys_time = 25,
    sys_tty_config = 26,
    mknod = 27,
    mac_override = 32,
    syslog = 34,
    wake_alarm = 35,
};

inline constexpr unsigned capability_count = 41;  // CAP_LAST_CAP + 1 of Linux 6.18
inline constexpr std::uint64_t all_capabilities = (std::uint64_t{1} << capability_count) - 1;
constexpr std::uint64_t bit_of(Capability capability) { return std::uint64_t{1} << static_cast<unsigned>(capability); }

// Invariants: effective is a part of permitted, ambient of both permitted and inheritable.
struct CapabilitySets {
    std::uint64_t effective = all_capabilities;
    std::uint64_t permitted = all_capabilities;
    std::uint64_t inheritable = 0;
    std::uint64_t bounding = all_capabilities;  // what exec may give at most
    std::uint64_t ambient = 0;                  // what exec keeps for who is not root

    bool has(Capability capability) const { return (effective & bit_of(capability)) != 0; }
    friend bool operator==(const CapabilitySets&, const CapabilitySets&) = default;
};

}  // namespace fl::kernel
