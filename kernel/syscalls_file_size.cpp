// How large files are and what of them is there; files without a name (Linux: fs/open.c, fs/sync.c, mm/memfd.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/regular_file.hpp"

#include <fcntl.h>

namespace fl::kernel {

namespace {

// memfd_create(2)'s flags (include/uapi/linux/memfd.h).
constexpr std::uint32_t memfd_cloexec = 1, memfd_allow_sealing = 2, memfd_hugetlb = 4, memfd_noexec_seal = 8,
                        memfd_exec = 0x10, memfd_huge_sizes = 0xfc00'0000;

RegularFile* regular_file_of(const FileDescription& file) {
    return file.inode() != nullptr ? file.inode()->regular_file() : nullptr;
}

// vfs_fallocate(), up to the file system's own part.
Result<void> check_allocate(const FileDescription& file, const System& system, std::uint64_t mode, std::int64_t offset,
                            std::int64_t length) {
    constexpr std::uint64_t known =
        FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_UNSHARE_RANGE;
    if (offset < 0 || length <= 0) return fail(Errno::einval);
    const std::uint64_t operation = mode & ~std::uint64_t{FALLOC_FL_KEEP_SIZE};
    if ((mode & ~known) != 0 || (operation & (operation - 1)) != 0) {
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

// sanitize_flags(), with vm.memfd_noexec = 0.
Result<void> check_memfd_flags(std::uint32_t flags) {
    constexpr std::uint32_t known =
        memfd_cloexec | memfd_allow_sealing | memfd_hugetlb | memfd_noexec_seal | memfd_exec;
    const std::uint32_t sizes = (flags & memfd_hugetlb) != 0 ? memfd_huge_sizes : 0;
    if ((flags & ~(known | sizes)) != 0) return fail(Errno::einval);
    const bool says_both = (flags & memfd_exec) != 0 && (flags & memfd_noexec_seal) != 0;
    return says_both ? fail(Errno::einval) : Result<void>{};
}

Result<std::string> memfd_name(System& system, std::uint64_t address) {
    constexpr std::uint64_t max_bytes = 249;  // MFD_NAME_MAX_LEN
    auto name = system.user().read_string(VirtAddr(address), max_bytes);
    if (!name) return fail(name.error() == Errno::enametoolong ? Errno::einval : name.error());
    return "memfd:" + *name;
}

unsigned memfd_seals(std::uint32_t flags) {
    if ((flags & memfd_noexec_seal) != 0) return seal_exec;
    return (flags & memfd_allow_sealing) != 0 ? 0 : seal_seal;
}

}  // namespace

Result<std::uint64_t> sys_ftruncate(System& system, const Arguments& a) {
    if (static_cast<std::int64_t>(a[1]) < 0) return fail(Errno::einval);
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    if (!(*file)->is_writable()) return fail(Errno::einval);
    if (const Inode* inode = (*file)->inode(); inode != nullptr && inode->ignores_resizing()) return 0;
    RegularFile* regular = regular_file_of(**file);
    if (regular == nullptr) return fail(Errno::einval);
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
    if (inode.regular_file() == nullptr && !inode.ignores_resizing()) return fail(Errno::einval);
    if (inode.file_system().read_only) return fail(Errno::erofs);
    if (auto allowed = inode.check_access(credentials(system.task), may_write); !allowed) return fail(allowed.error());
    if (inode.ignores_resizing()) return 0;
    return answer(inode.regular_file()->resize(system, a[1]));
}

Result<std::uint64_t> sys_fallocate(System& system, const Arguments& a) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    const std::uint64_t mode = static_cast<std::uint32_t>(a[1]);
    const auto allowed =
        check_allocate(**file, system, mode, static_cast<std::int64_t>(a[2]), static_cast<std::int64_t>(a[3]));
    if (!allowed) return fail(allowed.error());
    RegularFile& regular = *regular_file_of(**file);
    // No file system here shares its blocks between files.
    if ((mode & FALLOC_FL_UNSHARE_RANGE) != 0) return fail(Errno::eopnotsupp);
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
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    return answer((*file)->synchronise());
}

// Files of the host that may be written to have something behind them, the others only memory.
Result<std::uint64_t> sys_sync(System& system, const Arguments&) {
    system.vfs.write_back();
    return 0;
}
Result<std::uint64_t> sys_syncfs(System& system, const Arguments& a) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    system.vfs.write_back();
    return 0;
}

Result<std::uint64_t> sys_memfd_create(System& system, const Arguments& a) {
    const auto flags = static_cast<std::uint32_t>(a[1]);
    if (auto known = check_memfd_flags(flags); !known) return fail(known.error());
    auto name = memfd_name(system, a[0]);
    if (!name) return fail(name.error());
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    // As a kernel without CONFIG_HUGETLBFS answers.
    if ((flags & memfd_hugetlb) != 0) return fail(Errno::enosys);
    FileSystem& file_system = system.vfs.nameless_memory();
    if (!Inode::has_room(file_system)) return fail(Errno::enospc);
    const mode_t permissions = (flags & memfd_noexec_seal) != 0 ? 0666 : 0777;
    auto inode = RegularFile::create(system, file_system, "/" + *name + " (deleted)", permissions, memfd_seals(flags));
    inode->set_link_count(0);
    const auto dentry = std::make_shared<Dentry>(std::move(*name), nullptr, inode);
    dentry->unlinked = true;
    auto description = inode->open(system, dentry, O_RDWR | large_file_flag);
    if (!description) return fail(description.error());
    if (auto taken = (*description)->take_memory(system.memory); !taken) return fail(taken.error());
    system.task.files->put(*fd, std::move(*description), (flags & memfd_cloexec) != 0 ? OnExec::close : OnExec::keep);
    return *fd;
}

}  // namespace fl::kernel
