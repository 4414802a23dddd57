// What can be asked of a path, and the process's place in the tree (Linux: fs/stat.c, fs/open.c, fs/d_path.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>

namespace fl::kernel {

namespace {

constexpr std::int32_t at_statx_sync_mask = 0x6000;  // AT_STATX_SYNC_TYPE

// A file's status, and the place that it was found at; nullptr: none, a stream of the host.
struct PlaceStatus {
    struct stat status;
    DentryPointer place;
};

PlaceStatus status_of(const DentryPointer& dentry) { return {dentry->inode->status(), dentry}; }

// The status of a path, or with AT_EMPTY_PATH of the descriptor itself (vfs_fstatat, vfs_statx).
Result<PlaceStatus> status_at(System& system, std::uint64_t directory_fd, std::uint64_t path_address,
                              std::int32_t flags) {
    constexpr std::int32_t known_flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | at_statx_sync_mask;
    if ((flags & ~known_flags) != 0) return fail(Errno::einval);
    const auto empty = (flags & AT_EMPTY_PATH) != 0 ? EmptyPath::allowed : EmptyPath::refused;
    // Since Linux 6.11 a null pointer is an empty path.
    const bool no_path = path_address == 0 && empty == EmptyPath::allowed;
    const auto path = no_path ? Result<std::string>("") : read_path(system, path_address, empty);
    if (!path) return fail(path.error());
    if (path->empty() && int_argument(directory_fd) != AT_FDCWD) {
        const auto file = system.task.files->find_any(directory_fd);
        if (!file) return fail(file.error());
        const auto status = (*file)->status(system);
        if (!status) return fail(status.error());
        return PlaceStatus{*status, (*file)->dentry()};
    }
    if (path->empty()) return status_of(system.task.fs->working_directory);
    const auto follow = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? FollowLast::no : FollowLast::yes;
    const auto dentry = resolve_at(system, directory_fd, *path, follow);
    if (!dentry) return fail(dentry.error());
    return status_of(*dentry);
}

// struct stat is the same for the host and the guest.
Result<std::uint64_t> write_status(System& system, const Result<PlaceStatus>& found, std::uint64_t target) {
    if (!found) return fail(found.error());
    return answer(system.user().write(VirtAddr(target), found->status));
}

statx_timestamp statx_time(const timespec& time) {
    statx_timestamp stamp{};
    stamp.tv_sec = time.tv_sec;
    stamp.tv_nsec = static_cast<std::uint32_t>(time.tv_nsec);
    return stamp;
}

// The mount that a file was found through: one for each file system.
void add_mount(const Dentry& place, struct statx& extended) {
    extended.stx_mask |= STATX_MNT_ID;
    extended.stx_mnt_id = place.inode->file_system().device_minor;
    extended.stx_attributes_mask |= STATX_ATTR_MOUNT_ROOT;
    const bool is_root = place.parent == nullptr && !place.unlinked;
    if (is_root || place.is_mount_point()) extended.stx_attributes |= STATX_ATTR_MOUNT_ROOT;
}

struct statx statx_of(const PlaceStatus& found) {
    const struct stat& status = found.status;
    struct statx extended {};
    extended.stx_mask = STATX_BASIC_STATS;
    extended.stx_blksize = static_cast<std::uint32_t>(status.st_blksize);
    extended.stx_nlink = static_cast<std::uint32_t>(status.st_nlink);
    extended.stx_uid = status.st_uid;
    extended.stx_gid = status.st_gid;
    extended.stx_mode = static_cast<std::uint16_t>(status.st_mode);
    extended.stx_ino = status.st_ino;
    extended.stx_size = static_cast<std::uint64_t>(status.st_size);
    extended.stx_blocks = static_cast<std::uint64_t>(status.st_blocks);
    extended.stx_atime = statx_time(status.st_atim);
    extended.stx_mtime = statx_time(status.st_mtim);
    extended.stx_ctime = statx_time(status.st_ctim);
    extended.stx_rdev_major = major(status.st_rdev);
    extended.stx_rdev_minor = minor(status.st_rdev);
    extended.stx_dev_major = major(status.st_dev);
    extended.stx_dev_minor = minor(status.st_dev);
    if (found.place != nullptr) add_mount(*found.place, extended);
    return extended;
}

// do_faccessat(): rights first, and what cannot be written to for anybody after them.
Result<std::uint64_t> check_inode(const System& system, const Inode& inode, unsigned wanted) {
    if (auto allowed = inode.check_access(credentials(system.task), wanted); !allowed) return fail(allowed.error());
    const bool written_itself = S_ISREG(inode.mode()) || S_ISDIR(inode.mode()) || S_ISLNK(inode.mode());
    const bool refused = (wanted & may_write) != 0 && written_itself && inode.file_system().read_only;
    return refused ? fail(Errno::erofs) : Result<std::uint64_t>(0);
}

// access(2) asks what the real user could do.
class ActingAsRealUser {
public:
    ActingAsRealUser(Task& task, bool really)
        : task_(task),
          own_(std::exchange(task.credentials, really ? task.credentials.of_real_user() : task.credentials)) {}
    ActingAsRealUser(const ActingAsRealUser&) = delete;
    ActingAsRealUser& operator=(const ActingAsRealUser&) = delete;
    ~ActingAsRealUser() { task_.credentials = std::move(own_); }

private:
    Task& task_;
    Credentials own_;
};

Result<std::uint64_t> access_at(System& system, std::uint64_t directory_fd, std::uint64_t path_address,
                                std::uint64_t mode, std::int32_t flags) {
    constexpr std::int32_t known_flags = AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    if ((static_cast<std::uint32_t>(mode) & ~7U) != 0) return fail(Errno::einval);
    if ((flags & ~known_flags) != 0) return fail(Errno::einval);
    const auto wanted = static_cast<unsigned>(mode);
    const ActingAsRealUser acting(system.task, (flags & AT_EACCESS) == 0);
    const auto path =
        read_path(system, path_address, (flags & AT_EMPTY_PATH) != 0 ? EmptyPath::allowed : EmptyPath::refused);
    if (!path) return fail(path.error());
    if (path->empty() && int_argument(directory_fd) != AT_FDCWD) {
        const auto file = system.task.files->find_any(directory_fd);
        if (!file) return fail(file.error());
        // The host has granted its streams already.
        return (*file)->inode() == nullptr ? 0 : check_inode(system, *(*file)->inode(), wanted);
    }
    if (path->empty()) return check_inode(system, *system.task.fs->working_directory->inode, wanted);
    const auto follow = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? FollowLast::no : FollowLast::yes;
    const auto dentry = resolve_at(system, directory_fd, *path, follow);
    if (!dentry) return fail(dentry.error());
    return check_inode(system, *(*dentry)->inode, wanted);
}

// The text of a link that a path or, if that is empty, a descriptor leads to. ENOENT, EINVAL for what is no link.
Result<std::string> link_text(System& system, std::uint64_t directory_fd, const std::string& path) {
    DentryPointer dentry;
    if (path.empty()) {
        const auto start = start_of(system, directory_fd, path);
        if (!start) return fail(start.error());
        if (*start == nullptr || (*start)->inode->symbolic_link() == nullptr) return fail(Errno::enoent);
        dentry = *start;
    } else {
        const auto found = resolve_at(system, directory_fd, path, FollowLast::no);
        if (!found) return fail(found.error());
        if ((*found)->inode->symbolic_link() == nullptr) return fail(Errno::einval);
        dentry = *found;
    }
    return dentry->inode->symbolic_link()->text(system);
}

Result<std::uint64_t> change_directory(System& system, const DentryPointer& dentry) {
    if (dentry == nullptr || dentry->inode->directory() == nullptr) return fail(Errno::enotdir);
    const auto allowed = dentry->inode->check_access(credentials(system.task), may_exec);
    if (allowed) system.task.fs->working_directory = dentry;
    return answer(allowed);
}

}  // namespace

Result<std::uint64_t> sys_fstat(System& system, const Arguments& a) {
    const auto file = system.task.files->find_any(a[0]);
    if (!file) return fail(file.error());
    const auto status = (*file)->status(system);
    if (!status) return fail(status.error());
    return answer(system.user().write(VirtAddr(a[1]), *status));
}

Result<std::uint64_t> sys_stat(System& system, const Arguments& a) {
    return write_status(system, status_at(system, static_cast<std::uint64_t>(AT_FDCWD), a[0], 0), a[1]);
}
Result<std::uint64_t> sys_lstat(System& system, const Arguments& a) {
    const auto status = status_at(system, static_cast<std::uint64_t>(AT_FDCWD), a[0], AT_SYMLINK_NOFOLLOW);
    return write_status(system, status, a[1]);
}
Result<std::uint64_t> sys_newfstatat(System& system, const Arguments& a) {
    return write_status(system, status_at(system, a[0], a[1], int_argument(a[3])), a[2]);
}

Result<std::uint64_t> sys_statx(System& system, const Arguments& a) {
    constexpr std::uint32_t reserved_mask = 0x8000'0000;  // STATX__RESERVED
    const std::int32_t flags = int_argument(a[2]);
    if ((static_cast<std::uint32_t>(a[3]) & reserved_mask) != 0) return fail(Errno::einval);
    if ((flags & at_statx_sync_mask) == at_statx_sync_mask) return fail(Errno::einval);
    const auto status = status_at(system, a[0], a[1], flags);
    if (!status) return fail(status.error());
    return answer(system.user().write(VirtAddr(a[4]), statx_of(*status)));
}

Result<std::uint64_t> sys_access(System& system, const Arguments& a) {
    return access_at(system, static_cast<std::uint64_t>(AT_FDCWD), a[0], a[1], 0);
}
Result<std::uint64_t> sys_faccessat(System& system, const Arguments& a) {
    return access_at(system, a[0], a[1], a[2], 0);
}
Result<std::uint64_t> sys_faccessat2(System& system, const Arguments& a) {
    return access_at(system, a[0], a[1], a[2], int_argument(a[3]));
}

Result<std::uint64_t> sys_readlinkat(System& system, const Arguments& a) {
    const std::int32_t size_bytes = int_argument(a[3]);
    if (size_bytes <= 0) return fail(Errno::einval);
    const auto path = read_path(system, a[1], EmptyPath::allowed);
    if (!path) return fail(path.error());
    const auto text = link_text(system, a[0], *path);
    if (!text) return fail(text.error());
    const std::uint64_t count = std::min<std::uint64_t>(text->size(), static_cast<std::uint64_t>(size_bytes));
    if (auto done = system.user().copy_to(VirtAddr(a[2]), std::as_bytes(std::span(*text)).first(count)); !done) {
        return fail(done.error());
    }
    return count;
}

Result<std::uint64_t> sys_readlink(System& system, const Arguments& a) {
    return sys_readlinkat(system, Arguments{static_cast<std::uint64_t>(AT_FDCWD), a[0], a[1], a[2]});
}

// Answers with the bytes written, the NUL included.
Result<std::uint64_t> sys_getcwd(System& system, const Arguments& a) {
    const Dentry& directory = *system.task.fs->working_directory;
    if (directory.unlinked) return fail(Errno::enoent);
    const std::string path = directory.path();
    if (path.size() > max_path_bytes) return fail(Errno::enametoolong);
    if (path.size() + 1 > a[1]) return fail(Errno::erange);
    const auto bytes = std::as_bytes(std::span(path.c_str(), path.size() + 1));
    if (auto done = system.user().copy_to(VirtAddr(a[0]), bytes); !done) return fail(done.error());
    return bytes.size();
}

Result<std::uint64_t> sys_chdir(System& system, const Arguments& a) {
    const auto path = read_path(system, a[0]);
    if (!path) return fail(path.error());
    const auto dentry = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), *path, FollowLast::yes);
    if (!dentry) return fail(dentry.error());
    return change_directory(system, *dentry);
}

Result<std::uint64_t> sys_fchdir(System& system, const Arguments& a) {
    const auto file = system.task.files->find_any(a[0]);
    if (!file) return fail(file.error());
    return change_directory(system, (*file)->dentry());
}

Result<std::uint64_t> sys_umask(System& system, const Arguments& a) {
    return std::exchange(system.task.fs->umask, static_cast<std::uint32_t>(a[0]) & 0777);
}

}  // namespace fl::kernel
