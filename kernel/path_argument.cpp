#include "kernel/path_argument.hpp"

#include <fcntl.h>

namespace fl::kernel {

Result<std::string> read_path(System& system, std::uint64_t address, EmptyPath empty) {
    auto path = system.user().read_string(VirtAddr(address), max_path_bytes);
    if (path && path->empty() && empty == EmptyPath::refused) return fail(Errno::enoent);
    return path;
}

Result<DentryPointer> start_of(const System& system, std::uint64_t directory_fd, std::string_view path) {
    if (path.starts_with('/')) return system.task.fs->root;
    if (static_cast<std::int32_t>(directory_fd) == AT_FDCWD) return system.task.fs->working_directory;
    const auto file = system.task.files->find_any(directory_fd);
    if (!file) return fail(file.error());
    const DentryPointer& dentry = (*file)->dentry();
    if (!path.empty() && (dentry == nullptr || dentry->inode->directory() == nullptr)) return fail(Errno::enotdir);
    return dentry;
}

Result<DentryPointer> resolve_at(const System& system, std::uint64_t directory_fd, std::string_view path,
                                 FollowLast follow) {
    auto start = start_of(system, directory_fd, path);
    if (!start) return start;
    return PathWalk(system, std::move(*start)).resolve(path, follow);
}

}  // namespace fl::kernel
