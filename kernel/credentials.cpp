#include "kernel/credentials.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <utility>

namespace fl::kernel {

namespace {

constexpr unsigned execute_bit = 1, write_bit = 2, read_bit = 4;
constexpr std::uint32_t root = 0;

// What comes and goes with a file-system user of 0 (CAP_FS_MASK and CAP_LINUX_IMMUTABLE).
constexpr std::uint64_t file_capabilities = bit_of(Capability::chown) | bit_of(Capability::mknod) |
                                            bit_of(Capability::dac_override) | bit_of(Capability::dac_read_search) |
                                            bit_of(Capability::fowner) | bit_of(Capability::fsetid) |
                                            bit_of(Capability::linux_immutable) | bit_of(Capability::mac_override);

// cap_emulate_setxuid(): root's capabilities go with root's numbers.
void follow_user(Credentials& after, const Identity& before) {
    if ((after.secure_bits & secure_no_setuid_fixup) != 0) return;
    CapabilitySets& sets = after.capabilities;
    if (before.has(root) && !after.user.has(root)) {
        if ((after.secure_bits & secure_keep_caps) == 0) sets.permitted = sets.effective = 0;
        sets.ambient = 0;
    }
    if (before.effective == root && after.user.effective != root) sets.effective = 0;
    if (before.effective != root && after.user.effective == root) sets.effective = sets.permitted;
}

void follow_file_system_user(Credentials& after, std::uint32_t before) {
    if ((after.secure_bits & secure_no_setuid_fixup) != 0) return;
    CapabilitySets& sets = after.capabilities;
    const std::uint32_t now = after.user.file_system;
    if (before == root && now != root) sets.effective &= ~file_capabilities;
    if (before != root && now == root) sets.effective |= sets.permitted & file_capabilities;
}

// setreuid(2)'s and setregid(2)'s rules, which are the same.
Result<void> change_two(Identity& id, std::uint32_t real, std::uint32_t effective, bool privileged) {
    const Identity old = id;
    if (real != unchanged_id) {
        if (old.real != real && old.effective != real && !privileged) return fail(Errno::eperm);
        id.real = real;
    }
    if (effective != unchanged_id) {
        if (!old.has(effective) && !privileged) {
            id = old;
            return fail(Errno::eperm);
        }
        id.effective = effective;
    }
    if (real != unchanged_id || (effective != unchanged_id && effective != old.real)) id.saved = id.effective;
    id.file_system = id.effective;
    return {};
}

// setresuid(2) and setresgid(2).
Result<void> change_three(Identity& id, const std::array<std::uint32_t, 3>& wanted, bool privileged) {
    const auto may_be = [&](std::uint32_t number) { return number == unchanged_id || privileged || id.has(number); };
    if (!std::ranges::all_of(wanted, may_be)) return fail(Errno::eperm);
    if (wanted[0] != unchanged_id) id.real = wanted[0];
    if (wanted[1] != unchanged_id) id.effective = wanted[1];
    if (wanted[2] != unchanged_id) id.saved = wanted[2];
    id.file_system = id.effective;
    return {};
}

// setuid(2) and setgid(2).
Result<void> change_one(Identity& id, std::uint32_t number, bool privileged) {
    if (number == unchanged_id) return fail(Errno::einval);
    if (privileged) {
        id.real = id.saved = number;
    } else if (number != id.real && number != id.saved) {
        return fail(Errno::eperm);
    }
    id.effective = id.file_system = number;
    return {};
}

bool is_part(std::uint64_t part, std::uint64_t whole) { return (part & ~whole) == 0; }

// Root executes with all that it is allowed at most, others with what the file gives: nothing here.
void add_root_capabilities(Credentials& after) {
    CapabilitySets& sets = after.capabilities;
    const bool root_counts = (after.secure_bits & secure_no_root) == 0;
    const bool is_root = root_counts && (after.user.effective == root || after.user.real == root);
    sets.permitted = is_root ? sets.bounding | sets.inheritable : 0;
}

}  // namespace

bool Credentials::in_groups(std::uint32_t number) const { return std::ranges::binary_search(groups, number); }

Credentials Credentials::of_real_user() const {
    Credentials real = *this;
    real.user.file_system = user.real;
    real.group.file_system = group.real;
    if ((secure_bits & secure_no_setuid_fixup) == 0) {
        real.capabilities.effective = user.real == root ? capabilities.permitted : 0;
    }
    return real;
}

Result<void> Credentials::check_file_access(const Owner& file, mode_t mode, unsigned wanted) const {
    constexpr unsigned owner_shift = 6, group_shift = 3, all = 7;
    const unsigned shift = user.file_system == file.uid ? owner_shift : in_group(file.gid) ? group_shift : 0;
    const unsigned granted = mode >> shift & all;
    if ((wanted & ~granted) == 0) return {};
    const bool overrides = may(Capability::dac_override), searches = may(Capability::dac_read_search);
    if (S_ISDIR(mode)) {
        return overrides || (searches && (wanted & write_bit) == 0) ? Result<void>{} : fail(Errno::eacces);
    }
    if (wanted == read_bit && searches) return {};
    // Nobody executes what nobody may execute.
    const bool can_be_done = (wanted & execute_bit) == 0 || (mode & 0111) != 0;
    return overrides && can_be_done ? Result<void>{} : fail(Errno::eacces);
}

Result<void> Credentials::set_user(std::uint32_t uid) {
    const Identity before = user;
    if (auto done = change_one(user, uid, may(Capability::setuid)); !done) return done;
    follow_user(*this, before);
    return {};
}

Result<void> Credentials::set_real_effective_user(std::uint32_t real, std::uint32_t effective) {
    const Identity before = user;
    if (auto done = change_two(user, real, effective, may(Capability::setuid)); !done) return done;
    follow_user(*this, before);
    return {};
}

Result<void> Credentials::set_all_users(std::uint32_t real, std::uint32_t effective, std::uint32_t saved) {
    const Identity before = user;
    if (auto done = change_three(user, {real, effective, saved}, may(Capability::setuid)); !done) return done;
    follow_user(*this, before);
    return {};
}

Result<void> Credentials::set_group(std::uint32_t gid) { return change_one(group, gid, may(Capability::setgid)); }
Result<void> Credentials::set_real_effective_group(std::uint32_t real, std::uint32_t effective) {
    return change_two(group, real, effective, may(Capability::setgid));
}
Result<void> Credentials::set_all_groups(std::uint32_t real, std::uint32_t effective, std::uint32_t saved) {
    return change_three(group, {real, effective, saved}, may(Capability::setgid));
}

void Credentials::set_file_system_user(std::uint32_t uid) {
    if (uid == unchanged_id) return;
    if (!user.has(uid) && uid != user.file_system && !may(Capability::setuid)) return;
    const std::uint32_t before = std::exchange(user.file_system, uid);
    follow_file_system_user(*this, before);
}

void Credentials::set_file_system_group(std::uint32_t gid) {
    if (gid == unchanged_id) return;
    if (group.has(gid) || gid == group.file_system || may(Capability::setgid)) group.file_system = gid;
}

// cap_capset()
Result<void> Credentials::set_capabilities(std::uint64_t effective, std::uint64_t permitted,
                                           std::uint64_t inheritable) {
    CapabilitySets& sets = capabilities;
    const bool any = may(Capability::setpcap);
    if (!any && !is_part(inheritable, sets.inheritable | sets.permitted)) return fail(Errno::eperm);
    if (!is_part(inheritable, sets.inheritable | sets.bounding)) return fail(Errno::eperm);
    if (!is_part(permitted, sets.permitted) || !is_part(effective, permitted)) return fail(Errno::eperm);
    sets.effective = effective;
    sets.permitted = permitted;
    sets.inheritable = inheritable;
    sets.ambient &= permitted & inheritable;
    return {};
}

ExecCredentials credentials_after_exec(const Credentials& before, const Owner& file, mode_t mode,
                                       ExecPrivileges privileges) {
    Credentials after = before;
    const bool restricted = privileges == ExecPrivileges::none_new;
    constexpr mode_t group_takes = S_ISGID | S_IXGRP;
    if (!restricted && (mode & S_ISUID) != 0) after.user.effective = file.uid;
    if (!restricted && (mode & group_takes) == group_takes) after.group.effective = file.gid;
    add_root_capabilities(after);
    CapabilitySets& sets = after.capabilities;
    bool is_setid = after.user.effective != before.user.real || after.group.effective != before.group.real;
    const bool gains = is_setid || !is_part(sets.permitted, before.capabilities.permitted);
    if (gains && restricted) {
        after.user.effective = before.user.real;
        after.group.effective = before.group.real;
        sets.permitted &= before.capabilities.permitted;
        is_setid = false;
    }
    after.user.saved = after.user.file_system = after.user.effective;
    after.group.saved = after.group.file_system = after.group.effective;
    if (is_setid) sets.ambient = 0;
    const bool as_root = after.user.effective == root && (after.secure_bits & secure_no_root) == 0;
    sets.permitted |= sets.ambient;
    sets.effective = as_root ? sets.permitted : sets.ambient;
    after.secure_bits &= ~secure_keep_caps;
    const bool is_secure = is_setid || (after.user.real != root && !is_part(sets.permitted, sets.ambient));
    return {std::move(after), is_secure};
}

bool may_signal(const Credentials& sender, const Credentials& target) {
    const auto is_targets = [&target](std::uint32_t uid) {
        return uid == target.user.saved || uid == target.user.real;
    };
    return is_targets(sender.user.effective) || is_targets(sender.user.real) || sender.may(Capability::kill);
}

}  // namespace fl::kernel
