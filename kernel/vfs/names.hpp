// Making and removing names (Linux: fs/namei.c, vfs_mkdir to vfs_rmdir), below the system calls.
#pragma once

#include "kernel/vfs/path.hpp"

namespace fl::kernel {

// Where a new name goes (filename_create): EEXIST where it is there already, or the path ends with "." or "..";
// ENOENT for a trailing slash on what is to be no directory.
enum class NewName : std::uint8_t { directory, other };
Result<LastComponent> find_new_name(const System& system, DentryPointer start, std::string_view path, NewName kind);

// A new empty file for open(2): ENOENT, EACCES, ENOSPC.
Result<DentryPointer> make_file(System& system, const LastComponent& last, mode_t mode);

// One that has no name (O_TMPFILE). ENOENT, EACCES, ENOSPC, EOPNOTSUPP where the file system makes no files.
enum class NameLater : std::uint8_t { stays_so, may_get_name };
Result<DentryPointer> make_nameless_file(System& system, const DentryPointer& directory, mode_t mode, NameLater kind);

// A path, and where it starts if it is relative.
struct PathFrom {
    DentryPointer start;
    std::string path;
};
enum class RenameKind : std::uint8_t { replace, no_replace, exchange };
// All errors of renameat2(2) but EFAULT, EBADF and those of its flags.
Result<void> rename_path(System& system, const PathFrom& old_path, const PathFrom& new_path, RenameKind kind);

// Errors as mkdir(2), symlink(2), mknod(2), link(2), rmdir(2) and unlink(2) give them.
Result<void> make_directory(System& system, DentryPointer start, std::string_view path, mode_t mode);
Result<void> make_link(System& system, DentryPointer start, std::string_view path, std::string target);
Result<void> make_node(System& system, DentryPointer start, std::string_view path, mode_t mode);
Result<void> link_file(System& system, const DentryPointer& old, DentryPointer start, std::string_view path);
Result<void> remove_directory(System& system, DentryPointer start, std::string_view path);
Result<void> remove_file(System& system, DentryPointer start, std::string_view path);

}  // namespace fl::kernel
