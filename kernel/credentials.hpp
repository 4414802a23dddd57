// Credentials: on whose behalf a task acts, and what it may do (Linux: struct cred, kernel/cred.c,
// security/commoncap.c).
//
// The changes at the end are those of the system calls: they check, and change all or nothing.
#pragma once

#include "kernel/capabilities.hpp"
#include "mm/errno.hpp"

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace fl::kernel {

// Whose a file is.
struct Owner {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

// User or group numbers: who started the program, whose rights it has, whose it may take again, and whose count for
// files.
struct Identity {
    std::uint32_t real = 0, effective = 0, saved = 0, file_system = 0;

    bool has(std::uint32_t number) const { return real == number || effective == number || saved == number; }
    friend bool operator==(const Identity&, const Identity&) = default;
};

// PR_SET_SECUREBITS (include/uapi/linux/securebits.h): each has a bit above it that locks it.
inline constexpr std::uint32_t secure_no_root = 1U << 0, secure_no_setuid_fixup = 1U << 2, secure_keep_caps = 1U << 4,
                               secure_no_ambient_raise = 1U << 6, secure_all_bits = 0x555, secure_all_locks = 0xaaa;

// One of the numbers is left as it is: -1 in the calls.
inline constexpr std::uint32_t unchanged_id = ~std::uint32_t{0};

struct Credentials {
    Identity user, group;
    std::vector<std::uint32_t> groups;  // supplementary, ascending
    CapabilitySets capabilities;
    std::uint32_t secure_bits = 0;

    bool may(Capability capability) const { return capabilities.has(capability); }
    // in_group_p(), in_egroup_p().
    bool in_group(std::uint32_t number) const { return group.file_system == number || in_groups(number); }
    bool in_effective_group(std::uint32_t number) const { return group.effective == number || in_groups(number); }
    bool in_groups(std::uint32_t number) const;
    // inode_owner_or_capable(): who may change a file's attributes.
    bool owns(const Owner& file) const { return user.file_system == file.uid || may(Capability::fowner); }
    // Whose a file is that the task makes.
    // NOLINTNEXTLINE(google-explicit-constructor,hicpp-explicit-conversions): it is what a maker of files is
    operator Owner() const { return {user.file_system, group.file_system}; }

    // access(2): what the real user could do (access_override_creds).
    Credentials of_real_user() const;

    // generic_permission(): EACCES where `wanted` (may_ bits of vfs/inode.hpp) is not allowed.
    Result<void> check_file_access(const Owner& file, mode_t mode, unsigned wanted) const;

    // setuid(2) and its like. EINVAL, EPERM.
    Result<void> set_user(std::uint32_t uid);
    Result<void> set_real_effective_user(std::uint32_t real, std::uint32_t effective);
    Result<void> set_all_users(std::uint32_t real, std::uint32_t effective, std::uint32_t saved);
    Result<void> set_group(std::uint32_t gid);
    Result<void> set_real_effective_group(std::uint32_t real, std::uint32_t effective);
    Result<void> set_all_groups(std::uint32_t real, std::uint32_t effective, std::uint32_t saved);
    // Nothing happens where it may not be.
    void set_file_system_user(std::uint32_t uid);
    void set_file_system_group(std::uint32_t gid);

    // capset(2). EPERM.
    Result<void> set_capabilities(std::uint64_t effective, std::uint64_t permitted, std::uint64_t inheritable);

    friend bool operator==(const Credentials&, const Credentials&) = default;
};

// What exec makes of them (bprm_creds_from_file), for a file of an owner and a mode.
struct ExecCredentials {
    Credentials credentials;
    bool is_secure = false;  // AT_SECURE: the program has rights that its caller had not
};
enum class ExecPrivileges : std::uint8_t {
    full,
    none_new,  // PR_SET_NO_NEW_PRIVS, or somebody shares what the program would rely on
};
ExecCredentials credentials_after_exec(const Credentials& before, const Owner& file, mode_t mode,
                                       ExecPrivileges privileges);

// kill_ok_by_cred()
bool may_signal(const Credentials& sender, const Credentials& target);

}  // namespace fl::kernel
