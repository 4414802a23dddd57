// Rights, owners and times of files (Linux: fs/open.c, fs/utimes.c, fs/attr.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>

namespace fl::kernel {

namespace {

constexpr std::uint64_t here = static_cast<std::uint64_t>(AT_FDCWD);
constexpr std::uint64_t ns_per_second = 1'000'000'000, proc_magic = 0x9fa0;
constexpr std::int32_t place_flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

// The inode of a descriptor. A stream of the host is not ours to change.
Result<DescriptionPointer> own_file(const System& system, std::uint64_t fd, bool path_only_too) {
    auto file = path_only_too ? system.task.files->find_any(fd) : system.task.files->find(fd);
    if (file && (*file)->inode() == nullptr) return fail(Errno::eperm);
    return file;
}

// user_path_at() with the flags of a call that knows AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH.
Result<std::shared_ptr<Inode>> inode_at(System& system, std::uint64_t directory_fd, std::uint64_t path_address,
                                        std::int32_t flags) {
    if ((flags & ~place_flags) != 0) return fail(Errno::einval);
    const auto empty = (flags & AT_EMPTY_PATH) != 0 ? EmptyPath::allowed : EmptyPath::refused;
    const auto path = read_path(system, path_address, empty);
    if (!path) return fail(path.error());
    if (path->empty() && int_argument(directory_fd) == AT_FDCWD) return system.task.fs->working_directory->inode;
    if (path->empty()) {
        const auto file = own_file(system, directory_fd, true);
        if (!file) return fail(file.error());
        return (*file)->dentry()->inode;
    }
    const auto follow = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? FollowLast::no : FollowLast::yes;
    const auto dentry = resolve_at(system, directory_fd, *path, follow);
    if (!dentry) return fail(dentry.error());
    return (*dentry)->inode;
}

bool owns(const Task& task, const Inode& inode) { return task.credentials.owns(inode.owner()); }

// chmod_common()
Result<void> change_mode(System& system, Inode& inode, std::uint64_t mode) {
    if (inode.file_system().read_only) return fail(Errno::erofs);
    if (S_ISLNK(inode.mode())) return fail(Errno::eopnotsupp);
    if (!owns(system.task, inode) || inode.file_system().magic == proc_magic) return fail(Errno::eperm);
    auto permissions = static_cast<mode_t>(mode) & 07777;
    const Credentials& who = system.task.credentials;
    if (!who.in_group(inode.owner().gid) && !who.may(Capability::fsetid)) permissions &= ~static_cast<mode_t>(S_ISGID);
    return inode.change_attributes({.permissions = permissions}, system.clock.realtime_ns());
}

// chown_common(): what is not a directory loses the bits that lend rights.
Result<void> change_owner(System& system, Inode& inode, std::uint64_t uid, std::uint64_t gid) {
    constexpr std::uint32_t unchanged = ~std::uint32_t{0};
    const auto new_uid = static_cast<std::uint32_t>(uid), new_gid = static_cast<std::uint32_t>(gid);
    if (inode.file_system().read_only) return fail(Errno::erofs);
    const Credentials& who = system.task.credentials;
    const Owner owner = inode.owner();
    const bool own = who.user.file_system == owner.uid;
    const bool uid_stays = new_uid == unchanged || (own && new_uid == owner.uid);
    const bool gid_stays = new_gid == unchanged || (own && (new_gid == owner.gid || who.in_group(new_gid)));
    if (!(uid_stays && gid_stays) && !who.may(Capability::chown)) return fail(Errno::eperm);
    if (inode.file_system().magic == proc_magic) return fail(Errno::eperm);
    AttributeChange change;
    if (new_uid != unchanged) change.uid = new_uid;
    if (new_gid != unchanged) change.gid = new_gid;
    if (S_ISREG(inode.mode()) && (inode.mode() & (S_ISUID | S_ISGID)) != 0) {
        const bool lends_group = (inode.mode() & S_IXGRP) != 0;
        change.permissions = inode.mode() & 07777 & ~static_cast<mode_t>(S_ISUID | (lends_group ? S_ISGID : 0));
    }
    return inode.change_attributes(change, system.clock.realtime_ns());
}

// The two times of utimensat(2); nullopt: both now.
using Times = std::optional<std::array<timespec, 2>>;

// What is later than 64 bits of nanoseconds can say, or before 1970, becomes the nearest time that can be told.
std::uint64_t ns_of(const timespec& time) {
    constexpr std::int64_t last_second = static_cast<std::int64_t>(~std::uint64_t{0} / ns_per_second) - 1;
    const auto seconds = static_cast<std::uint64_t>(std::clamp<std::int64_t>(time.tv_sec, 0, last_second));
    return seconds * ns_per_second + static_cast<std::uint64_t>(time.tv_nsec);
}

bool is_valid(const timespec& time) {
    const bool special = time.tv_nsec == UTIME_NOW || time.tv_nsec == UTIME_OMIT;
    return special || (time.tv_nsec >= 0 && static_cast<std::uint64_t>(time.tv_nsec) < ns_per_second);
}

// vfs_utimes(): to set both to now needs the right to write, everything else needs the owner.
Result<void> change_times(System& system, Inode& inode, const Times& times) {
    const std::uint64_t now_ns = system.clock.realtime_ns();
    if (times && (!is_valid((*times)[0]) || !is_valid((*times)[1]))) return fail(Errno::einval);
    if (inode.file_system().read_only) return fail(Errno::erofs);
    const bool touches = !times || ((*times)[0].tv_nsec == UTIME_NOW && (*times)[1].tv_nsec == UTIME_NOW);
    if (!owns(system.task, inode)) {
        if (!touches) return fail(Errno::eperm);
        if (auto allowed = inode.check_access(credentials(system.task), may_write); !allowed) return allowed;
    }
    if (touches) return inode.change_attributes({.accessed_ns = now_ns, .modified_ns = now_ns}, now_ns);
    const auto wanted = [now_ns](const timespec& time) -> std::optional<std::uint64_t> {
        if (time.tv_nsec == UTIME_OMIT) return std::nullopt;
        return time.tv_nsec == UTIME_NOW ? now_ns : ns_of(time);
    };
    return inode.change_attributes({.accessed_ns = wanted((*times)[0]), .modified_ns = wanted((*times)[1])}, now_ns);
}

// do_utimes(): without a path it is the descriptor's file.
Result<void> change_times_at(System& system, std::uint64_t directory_fd, std::uint64_t path_address, const Times& times,
                             std::int32_t flags) {
    if (path_address == 0 && int_argument(directory_fd) != AT_FDCWD) {
        if (flags != 0) return fail(Errno::einval);
        const auto file = own_file(system, directory_fd, false);
        if (!file) return fail(file.error());
        return change_times(system, *(*file)->inode(), times);
    }
    const auto inode = inode_at(system, directory_fd, path_address, flags);
    if (!inode) return fail(inode.error());
    return change_times(system, **inode, times);
}

Result<std::uint64_t> chmod_at(System& system, std::uint64_t directory_fd, std::uint64_t path, std::uint64_t mode,
                               std::int32_t flags) {
    const auto inode = inode_at(system, directory_fd, path, flags);
    if (!inode) return fail(inode.error());
    return answer(change_mode(system, **inode, mode));
}

}  // namespace

Result<std::uint64_t> sys_chmod(System& system, const Arguments& a) { return chmod_at(system, here, a[0], a[1], 0); }
Result<std::uint64_t> sys_fchmodat(System& system, const Arguments& a) { return chmod_at(system, a[0], a[1], a[2], 0); }
Result<std::uint64_t> sys_fchmodat2(System& system, const Arguments& a) {
    return chmod_at(system, a[0], a[1], a[2], int_argument(a[3]));
}
Result<std::uint64_t> sys_fchmod(System& system, const Arguments& a) {
    const auto file = own_file(system, a[0], false);
    if (!file) return fail(file.error());
    return answer(change_mode(system, *(*file)->inode(), a[1]));
}

Result<std::uint64_t> sys_fchownat(System& system, const Arguments& a) {
    const auto inode = inode_at(system, a[0], a[1], int_argument(a[4]));
    if (!inode) return fail(inode.error());
    return answer(change_owner(system, **inode, a[2], a[3]));
}
Result<std::uint64_t> sys_chown(System& system, const Arguments& a) {
    return sys_fchownat(system, Arguments{here, a[0], a[1], a[2], 0});
}
Result<std::uint64_t> sys_lchown(System& system, const Arguments& a) {
    return sys_fchownat(system, Arguments{here, a[0], a[1], a[2], AT_SYMLINK_NOFOLLOW});
}
Result<std::uint64_t> sys_fchown(System& system, const Arguments& a) {
    const auto file = own_file(system, a[0], false);
    if (!file) return fail(file.error());
    return answer(change_owner(system, *(*file)->inode(), a[1], a[2]));
}

Result<std::uint64_t> sys_utimensat(System& system, const Arguments& a) {
    Times times;
    if (a[2] != 0) {
        const auto given = system.user().read<std::array<timespec, 2>>(VirtAddr(a[2]));
        if (!given) return fail(given.error());
        // Nothing to do: not even the path is looked at.
        if ((*given)[0].tv_nsec == UTIME_OMIT && (*given)[1].tv_nsec == UTIME_OMIT) return 0;
        times = *given;
    }
    return answer(change_times_at(system, a[0], a[1], times, int_argument(a[3])));
}

Result<std::uint64_t> sys_futimesat(System& system, const Arguments& a) {
    constexpr std::int64_t us_per_second = 1'000'000, ns_per_us = 1000;
    Times times;
    if (a[2] != 0) {
        const auto given = system.user().read<std::array<timeval, 2>>(VirtAddr(a[2]));
        if (!given) return fail(given.error());
        times.emplace();
        for (std::size_t i = 0; i < given->size(); ++i) {
            const timeval& time = (*given)[i];
            if (time.tv_usec < 0 || time.tv_usec >= us_per_second) return fail(Errno::einval);
            (*times)[i] = timespec{time.tv_sec, time.tv_usec * ns_per_us};
        }
    }
    return answer(change_times_at(system, a[0], a[1], times, 0));
}
Result<std::uint64_t> sys_utimes(System& system, const Arguments& a) {
    return sys_futimesat(system, Arguments{here, a[0], a[1]});
}

Result<std::uint64_t> sys_utime(System& system, const Arguments& a) {
    Times times;
    if (a[1] != 0) {
        const auto given = system.user().read<std::array<std::int64_t, 2>>(VirtAddr(a[1]));  // struct utimbuf
        if (!given) return fail(given.error());
        times = std::array{timespec{(*given)[0], 0}, timespec{(*given)[1], 0}};
    }
    return answer(change_times_at(system, here, a[0], times, 0));
}

}  // namespace fl::kernel
