// Names in directories (Linux: fs/namei.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/names.hpp"

#include <fcntl.h>

namespace fl::kernel {

namespace {

constexpr std::uint64_t here = static_cast<std::uint64_t>(AT_FDCWD);

Result<PathFrom> place_of(System& system, std::uint64_t directory_fd, std::uint64_t path_address) {
    auto path = read_path(system, path_address);
    if (!path) return fail(path.error());
    auto start = start_of(system, directory_fd, *path);
    if (!start) return fail(start.error());
    return PathFrom{std::move(*start), std::move(*path)};
}

}  // namespace

Result<std::uint64_t> sys_mkdirat(System& system, const Arguments& a) {
    auto place = place_of(system, a[0], a[1]);
    if (!place) return fail(place.error());
    return answer(make_directory(system, std::move(place->start), place->path, static_cast<mode_t>(a[2])));
}
Result<std::uint64_t> sys_mkdir(System& system, const Arguments& a) {
    return sys_mkdirat(system, Arguments{here, a[0], a[1]});
}

Result<std::uint64_t> sys_unlinkat(System& system, const Arguments& a) {
    const std::int32_t flags = int_argument(a[2]);
    if ((flags & ~AT_REMOVEDIR) != 0) return fail(Errno::einval);
    auto place = place_of(system, a[0], a[1]);
    if (!place) return fail(place.error());
    const auto remove = flags == AT_REMOVEDIR ? remove_directory : remove_file;
    return answer(remove(system, std::move(place->start), place->path));
}
Result<std::uint64_t> sys_unlink(System& system, const Arguments& a) {
    return sys_unlinkat(system, Arguments{here, a[0], 0});
}
Result<std::uint64_t> sys_rmdir(System& system, const Arguments& a) {
    return sys_unlinkat(system, Arguments{here, a[0], AT_REMOVEDIR});
}

Result<std::uint64_t> sys_symlinkat(System& system, const Arguments& a) {
    auto target = read_path(system, a[0]);
    if (!target) return fail(target.error());
    auto place = place_of(system, a[1], a[2]);
    if (!place) return fail(place.error());
    return answer(make_link(system, std::move(place->start), place->path, std::move(*target)));
}
Result<std::uint64_t> sys_symlink(System& system, const Arguments& a) {
    return sys_symlinkat(system, Arguments{a[0], here, a[1]});
}

Result<std::uint64_t> sys_renameat2(System& system, const Arguments& a) {
    constexpr std::uint32_t no_replace = 1, exchange = 2, whiteout = 4;  // include/uapi/linux/fs.h
    const auto flags = static_cast<std::uint32_t>(a[4]);
    if ((flags & ~(no_replace | exchange | whiteout)) != 0) return fail(Errno::einval);
    if ((flags & exchange) != 0 && (flags & (no_replace | whiteout)) != 0) return fail(Errno::einval);
    const auto from = place_of(system, a[0], a[1]);
    if (!from) return fail(from.error());
    const auto to = place_of(system, a[2], a[3]);
    if (!to) return fail(to.error());
    // Only file systems that lie over others have whiteouts.
    if ((flags & whiteout) != 0) return fail(Errno::einval);
    const RenameKind kind = (flags & no_replace) != 0 ? RenameKind::no_replace
                            : (flags & exchange) != 0 ? RenameKind::exchange
                                                      : RenameKind::replace;
    return answer(rename_path(system, *from, *to, kind));
}
Result<std::uint64_t> sys_renameat(System& system, const Arguments& a) {
    return sys_renameat2(system, Arguments{a[0], a[1], a[2], a[3], 0});
}
Result<std::uint64_t> sys_rename(System& system, const Arguments& a) {
    return sys_renameat2(system, Arguments{here, a[0], here, a[1], 0});
}

}  // namespace fl::kernel
