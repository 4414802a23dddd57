// What the system calls on paths share: a path as the program passes it, and the place it leads to.
#pragma once

#include "kernel/system.hpp"
#include "kernel/vfs/path.hpp"

namespace fl::kernel {

enum class EmptyPath : std::uint8_t {
    refused,  // ENOENT
    allowed,  // AT_EMPTY_PATH: means the descriptor itself
};

// getname(): EFAULT, ENAMETOOLONG, ENOENT.
Result<std::string> read_path(System& system, std::uint64_t address, EmptyPath empty = EmptyPath::refused);

// Where a path that is passed with a directory's descriptor starts. EBADF, ENOTDIR.
Result<DentryPointer> start_of(const System& system, std::uint64_t directory_fd, std::string_view path);

// The dentry at the end of a path. ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, EBADF.
Result<DentryPointer> resolve_at(const System& system, std::uint64_t directory_fd, std::string_view path,
                                 FollowLast follow);

// The process as checks of rights see it.
inline const Credentials& credentials(const Task& task) { return task.credentials; }

inline std::uint64_t open_file_limit(const System& system) {
    return soft_limit(system.task.process->limits, Limit::open_files);
}

}  // namespace fl::kernel
