// How large files are and what of them is there; files without a name (Linux: fs/open.c, fs/sync.c, mm/memfd.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/regular_file.hpp"

#include <fcntl.h>

namespace fl::kernel {

namespace {

RegularFile* regular_file_of(const FileDescription& file) {
    return file.inode() != nullptr ? file.inode()->regular_file() : nullptr;
}

// vfs_fallocate(), up to the file system's own part.
Result<void> check_allocate(const FileDescription& file, const System& system, std::uint64_t mode, std::int64_t offset,
                            std::int64_t length) {
    constexpr std::uint64_t known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
    if (offset < 0 || length <= 0) return fail(Errno::einval);
    const std::uint64_t operation = mode & ~std::uint64_t{FALLOC_FL_KEEP_SIZE};
    if ((mode & ~known) != 0 || operation == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
        return fail(Errno::eopnotsupp);
    }
    if (mode == FALLOC_FL_PUNCH_HOLE) return fail(Errno::eopnotsupp);
    if (!file.is_writable()) return fail(Errno::ebadf);
    const auto status = file.status(system);
    if (!status) return fail(status.error());
    if (S_ISFIFO(status->st_mode)) return fail(Errno::espipe);
    if (S_ISDIR(status->st_mode)) return fail(Errno::eisdir);
    if (!S_ISREG(status->st_mode)) return fail(Errno::enodev);
    if (static_cast<std::uint64_t>(offset) + static_cast<std::uint64_t>(length) > max_file_bytes) {
        return fail(Errno::efbig);
    }
    return regular_file_of(file) != nullptr ? Result<void>{} : fail(Errno::eopnotsupp);
}

}  // namespace

Result<std::uint64_t> sys_ftruncate(System& system, const Arguments& a) {
    if (static_cast<std::int64_t>(a[1]) < 0) return fail(Errno::einval);
    const auto file = system.task.files.find(a[0]);
    if (!file) return fail(file.error());
    RegularFile* regular = regular_file_of(**file);
    if (regular == nullptr || !(*file)->is_writable()) return fail(Errno::einval);
    return answer(regular->resize(system, a[1]));
}

Result<std::uint64_t> sys_truncate(System& system, const Arguments& a) {
    if (static_cast<std::int64_t>(a[1]) < 0) return fail(Errno::einval);
    const auto path = read_path(system, a[0]);
    if (!path) return fail(path.error());
    const auto dentry = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), *path, FollowLast::yes);
    if (!dentry) return fail(dentry.error());
    Inode& inode = *(*dentry)->inode;
    if (inode.directory() != nullptr) return fail(Errno::eisdir);
    if (inode.regular_file() == nullptr) return fail(Errno::einval);
    if (auto allowed = inode.check_access(credentials(system.task), may_write); !allowed) return fail(allowed.error());
    return answer(inode.regular_file()->resize(system, a[1]));
}

Result<std::uint64_t> sys_fallocate(System& system, const Arguments& a) {
    const auto file = system.task.files.find(a[0]);
    if (!file) return fail(file.error());
    const std::uint64_t mode = static_cast<std::uint32_t>(a[1]);
    const auto allowed =
        check_allocate(**file, system, mode, static_cast<std::int64_t>(a[2]), static_cast<std::int64_t>(a[3]));
    if (!allowed) return fail(allowed.error());
    RegularFile& regular = *regular_file_of(**file);
    const FileRange range{a[2], a[3]};
    if ((mode & FALLOC_FL_PUNCH_HOLE) != 0) return answer(regular.punch_hole(system, range));
    if ((mode & FALLOC_FL_ZERO_RANGE) != 0) {
        // tmpfs cannot do it.
        if (regular.file_system().file_kind == mm::FileKind::shared_memory) return fail(Errno::eopnotsupp);
        if (auto punched = regular.punch_hole(system, range); !punched) return fail(punched.error());
    }
    return answer(regular.allocate(system, range, (mode & FALLOC_FL_KEEP_SIZE) != 0));
}

Result<std::uint64_t> sys_fsync(System& system, const Arguments& a) {
    const auto file = system.task.files.find(a[0]);
    if (!file) return fail(file.error());
    return answer((*file)->synchronise());
}

}  // namespace fl::kernel
