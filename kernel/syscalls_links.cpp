// More names for a file, and names for what is neither file nor directory (Linux: fs/namei.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/names.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace fl::kernel {

namespace {

constexpr std::uint64_t here = static_cast<std::uint64_t>(AT_FDCWD);

// The file that gets another name.
Result<DentryPointer> linked_file(System& system, std::uint64_t directory_fd, std::uint64_t path_address,
                                  std::int32_t flags) {
    const auto empty = (flags & AT_EMPTY_PATH) != 0 ? EmptyPath::allowed : EmptyPath::refused;
    const auto path = read_path(system, path_address, empty);
    if (!path) return fail(path.error());
    if (path->empty()) {
        auto start = start_of(system, directory_fd, *path);
        if (!start) return start;
        // A stream of the host lies in no file system of ours.
        return *start == nullptr ? fail(Errno::exdev) : start;
    }
    const auto follow = (flags & AT_SYMLINK_FOLLOW) != 0 ? FollowLast::yes : FollowLast::no;
    return resolve_at(system, directory_fd, *path, follow);
}

// may_mknod()
Result<void> check_node_type(mode_t mode) {
    switch (mode & S_IFMT) {
        case 0:
        case S_IFREG:
        case S_IFCHR:
        case S_IFBLK:
        case S_IFIFO:
        case S_IFSOCK: return {};
        case S_IFDIR: return fail(Errno::eperm);
        default: return fail(Errno::einval);
    }
}

}  // namespace

Result<std::uint64_t> sys_linkat(System& system, const Arguments& a) {
    const std::int32_t flags = int_argument(a[4]);
    if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return fail(Errno::einval);
    const auto old = linked_file(system, a[0], a[1], flags);
    if (!old) return fail(old.error());
    const auto path = read_path(system, a[3]);
    if (!path) return fail(path.error());
    auto start = start_of(system, a[2], *path);
    if (!start) return fail(start.error());
    return answer(link_file(system, *old, std::move(*start), *path));
}
Result<std::uint64_t> sys_link(System& system, const Arguments& a) {
    return sys_linkat(system, Arguments{here, a[0], here, a[1], 0});
}

Result<std::uint64_t> sys_mknodat(System& system, const Arguments& a) {
    const auto mode = static_cast<mode_t>(a[2] & 0xffff);  // umode_t
    if (auto known = check_node_type(mode); !known) return fail(known.error());
    const auto path = read_path(system, a[1]);
    if (!path) return fail(path.error());
    auto start = start_of(system, a[0], *path);
    if (!start) return fail(start.error());
    return answer(make_node(system, std::move(*start), *path, mode));
}
Result<std::uint64_t> sys_mknod(System& system, const Arguments& a) {
    return sys_mknodat(system, Arguments{here, a[0], a[1], a[2]});
}

}  // namespace fl::kernel
