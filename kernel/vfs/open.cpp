#include "kernel/vfs/open.hpp"

#include "kernel/path_argument.hpp"
#include "kernel/vfs/names.hpp"
#include "kernel/vfs/regular_file.hpp"

#include <fcntl.h>

namespace fl::kernel {

namespace {

constexpr int tmpfile_flag = 020000000;  // __O_TMPFILE
constexpr std::uint64_t valid_flags = O_RDONLY | O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
                                      O_NDELAY | O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | large_file_flag |
                                      O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE;

DescriptionPointer path_only(const DentryPointer& dentry, int flags) {
    return std::make_shared<PathDescription>(dentry, flags);
}

// may_open(), for what was there before.
Result<void> check_open(const System& system, const Inode& inode, const OpenRequest& request) {
    if (S_ISLNK(inode.mode())) return fail(Errno::eloop);
    if (S_ISDIR(inode.mode()) && (request.wanted & may_write) != 0) return fail(Errno::eisdir);
    // Devices and FIFOs are written to without their file system changing.
    const bool changes = S_ISREG(inode.mode()) && (request.wanted & may_write) != 0;
    if (changes && inode.file_system().read_only) return fail(Errno::erofs);
    if (auto allowed = inode.check_access(credentials(system.task), request.wanted); !allowed) return allowed;
    if ((request.flags & O_NOATIME) != 0 && !credentials(system.task).owns(inode.owner())) return fail(Errno::eperm);
    return {};
}

// What F_GETFL shows afterwards.
int lasting_flags(int flags) { return (flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC)) | large_file_flag; }

Result<DescriptionPointer> open_existing(System& system, const PathWalk::Found& found, const OpenRequest& request) {
    Inode& inode = *found.dentry->inode;
    const bool is_directory = inode.directory() != nullptr;
    if ((request.flags & O_CREAT) != 0) {
        if ((request.flags & O_EXCL) != 0) return fail(Errno::eexist);
        if (is_directory) return fail(Errno::eisdir);
    }
    if (((request.flags & O_DIRECTORY) != 0 || found.last.trailing_slash) && !is_directory) return fail(Errno::enotdir);
    if (auto allowed = check_open(system, inode, request); !allowed) return fail(allowed.error());
    auto description = inode.open(system, found.dentry, lasting_flags(request.flags));
    if (description && (request.flags & O_TRUNC) != 0 && inode.regular_file() != nullptr) {
        if (auto cut = inode.regular_file()->resize(system, 0); !cut) return fail(cut.error());
    }
    return description;
}

// do_tmpfile()
Result<DescriptionPointer> open_nameless(System& system, const PathWalk::Found& found, const OpenRequest& request) {
    if (found.dentry == nullptr) return fail(Errno::enoent);
    if (found.dentry->inode->directory() == nullptr) return fail(Errno::enotdir);
    const auto kind = (request.flags & O_EXCL) != 0 ? NameLater::stays_so : NameLater::may_get_name;
    const auto made = make_nameless_file(system, found.dentry, request.mode, kind);
    if (!made) return fail(made.error());
    return (*made)->inode->open(system, *made, lasting_flags(request.flags));
}

}  // namespace

Result<OpenRequest> open_request(std::uint64_t flags_argument, std::uint64_t mode) {
    int flags = static_cast<int>(flags_argument & valid_flags);
    const OnExec on_exec = (flags & O_CLOEXEC) != 0 ? OnExec::close : OnExec::keep;
    if ((flags & O_PATH) != 0) flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH;
    flags &= ~O_CLOEXEC;
    const unsigned access_of_mode[] = {may_read, may_write, may_read | may_write, may_read | may_write};
    unsigned wanted = access_of_mode[flags & O_ACCMODE];
    if ((flags & tmpfile_flag) != 0) {
        if ((flags & (O_TMPFILE | O_CREAT)) != O_TMPFILE) return fail(Errno::einval);
        if ((wanted & may_write) == 0) return fail(Errno::einval);
    } else if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT)) {
        return fail(Errno::einval);
    }
    if ((flags & O_PATH) != 0) wanted = 0;
    if ((flags & O_TRUNC) != 0) wanted |= may_write;
    return OpenRequest{flags, static_cast<mode_t>(mode & 07777), wanted, on_exec};
}

Result<DescriptionPointer> open_path(System& system, DentryPointer start, std::string_view path,
                                     const OpenRequest& request) {
    PathWalk walk(system, std::move(start));
    const bool exclusive = (request.flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    const bool follows = (request.flags & O_NOFOLLOW) == 0 && !exclusive;
    auto found = walk.find(path, follows ? FollowLast::yes : FollowLast::no);
    if (!found) return fail(found.error());
    if ((request.flags & O_CREAT) != 0 && found->last.kind == LastComponent::Kind::name && found->last.trailing_slash) {
        return fail(Errno::eisdir);
    }
    if ((request.flags & tmpfile_flag) != 0) return open_nameless(system, *found, request);
    if (found->dentry == nullptr) {
        if ((request.flags & O_CREAT) == 0) return fail(Errno::enoent);
        auto made = make_file(system, found->last, request.mode);
        if (!made) return fail(made.error());
        return (*made)->inode->open(system, *made, lasting_flags(request.flags));
    }
    if ((request.flags & O_PATH) != 0) {
        const bool needs_directory = (request.flags & O_DIRECTORY) != 0 || found->last.trailing_slash;
        if (needs_directory && found->dentry->inode->directory() == nullptr) return fail(Errno::enotdir);
        return path_only(found->dentry, request.flags);
    }
    return open_existing(system, *found, request);
}

}  // namespace fl::kernel
