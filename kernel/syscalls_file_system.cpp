// File systems as a whole (Linux: fs/statfs.c, fs/namespace.c, fs/open.c). The tree's shape is the command line's: a
// program that would mount or change its root has no right to.
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/file_room.hpp"
#include "kernel/vfs/host_stream.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statfs.h>

namespace fl::kernel {

namespace {

constexpr long flag_valid = 0x20, flag_read_only = 0x1, flag_relatime = 0x1000;  // include/linux/statfs.h
constexpr std::uint64_t tmpfs_magic = 0x0102'1994;

// What tmpfs says of its size: here, what files may take. ramfs and proc have none (simple_statfs).
void add_room(const System& system, const FileSystem& file_system, struct statfs& status) {
    const FileRoom room = file_room(system.memory, file_system.file_kind);
    status.f_blocks = room.total.value();
    status.f_bfree = status.f_bavail = room.free.value();
    status.f_files = file_system.max_inodes;
    status.f_ffree = file_system.max_inodes - std::min(file_system.inode_count, file_system.max_inodes);
}

// struct statfs is the same for the host and the guest.
struct statfs status_of(const System& system, const FileSystem& file_system) {
    struct statfs status {};
    const bool of_host = file_system.host_folder >= 0 && ::fstatfs(file_system.host_folder, &status) == 0;
    if (!of_host) {
        status.f_type = static_cast<long>(file_system.magic);
        status.f_bsize = status.f_frsize = page_size;
        status.f_namelen = max_name_bytes;
        if (file_system.magic == tmpfs_magic) add_room(system, file_system, status);
        status.f_flags = flag_valid | flag_relatime;
    }
    status.f_fsid.__val[0] = static_cast<int>(file_system.device());
    status.f_fsid.__val[1] = 0;
    status.f_flags = file_system.read_only ? status.f_flags | flag_read_only : status.f_flags & ~flag_read_only;
    return status;
}

// A directory that the program may enter (chroot, mount points).
Result<DentryPointer> directory_at(System& system, std::uint64_t path_address) {
    const auto path = read_path(system, path_address);
    if (!path) return fail(path.error());
    auto dentry = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), *path, FollowLast::yes);
    if (dentry && (*dentry)->inode->directory() == nullptr) return fail(Errno::enotdir);
    return dentry;
}

// copy_mount_string()
Result<void> check_text(System& system, std::uint64_t address) {
    if (address == 0) return {};
    const auto text = system.user().read_string(VirtAddr(address), page_size - 1);
    if (text) return {};
    return fail(text.error() == Errno::enametoolong ? Errno::einval : text.error());
}

}  // namespace

Result<std::uint64_t> sys_statfs(System& system, const Arguments& a) {
    const auto path = read_path(system, a[0]);
    if (!path) return fail(path.error());
    const auto dentry = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), *path, FollowLast::yes);
    if (!dentry) return fail(dentry.error());
    return answer(system.user().write(VirtAddr(a[1]), status_of(system, (*dentry)->inode->file_system())));
}

Result<std::uint64_t> sys_fstatfs(System& system, const Arguments& a) {
    const auto file = system.task.files->find_any(a[0]);
    if (!file) return fail(file.error());
    struct statfs status {};
    if ((*file)->inode() != nullptr) {
        status = status_of(system, (*file)->inode()->file_system());
    } else if (const auto* stream = dynamic_cast<const HostStream*>(file->get()); stream != nullptr) {
        if (::fstatfs(stream->host_fd(), &status) != 0) return fail(static_cast<Errno>(errno));
    }
    return answer(system.user().write(VirtAddr(a[1]), status));
}

Result<std::uint64_t> sys_chroot(System& system, const Arguments& a) {
    const auto directory = directory_at(system, a[0]);
    if (!directory) return fail(directory.error());
    if (auto allowed = (*directory)->inode->check_access(credentials(system.task), may_exec); !allowed) {
        return fail(allowed.error());
    }
    return fail(Errno::eperm);
}

Result<std::uint64_t> sys_mount(System& system, const Arguments& a) {
    for (const std::uint64_t text : {a[2], a[0]}) {
        if (auto readable = check_text(system, text); !readable) return fail(readable.error());
    }
    if (a[4] != 0) {
        // copy_mount_options(): as much of a page as there is.
        if (const auto first = system.user().read<std::byte>(VirtAddr(a[4])); !first) return fail(first.error());
    }
    const auto path = read_path(system, a[1]);
    if (!path) return fail(path.error());
    const auto place = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), *path, FollowLast::yes);
    return fail(place ? Errno::eperm : place.error());
}

Result<std::uint64_t> sys_umount2(System& system, const Arguments& a) {
    constexpr std::int32_t known = MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW;
    if ((int_argument(a[1]) & ~known) != 0) return fail(Errno::einval);
    const auto path = read_path(system, a[0]);
    if (!path) return fail(path.error());
    const auto follow = (int_argument(a[1]) & UMOUNT_NOFOLLOW) != 0 ? FollowLast::no : FollowLast::yes;
    const auto place = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), *path, follow);
    return fail(place ? Errno::eperm : place.error());
}

Result<std::uint64_t> sys_pivot_root(System&, const Arguments&) { return fail(Errno::eperm); }

}  // namespace fl::kernel
