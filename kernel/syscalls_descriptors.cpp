// Many descriptors at once, and locks on what they lead to (Linux: fs/file.c, fs/locks.c).
#include "kernel/syscalls.hpp"

#include <sys/file.h>

namespace fl::kernel {

namespace {

constexpr std::int32_t lock_mandatory = 32;  // LOCK_MAND: known, and ignored

}  // namespace

Result<std::uint64_t> sys_close_range(System& system, const Arguments& a) {
    constexpr std::uint32_t unshare = 2, on_exec = 4;  // include/uapi/linux/close_range.h
    const auto first = static_cast<std::uint32_t>(a[0]), last = static_cast<std::uint32_t>(a[1]);
    const auto flags = static_cast<std::uint32_t>(a[2]);
    if ((flags & ~(unshare | on_exec)) != 0 || first > last) return fail(Errno::einval);
    if ((flags & unshare) != 0 && system.task.files.use_count() > 1) {
        system.task.files = std::make_shared<FileTable>(*system.task.files);
    }
    FileTable& files = *system.task.files;
    for (const std::uint32_t fd : files.numbers()) {
        if (fd < first || fd > last) continue;
        (void)((flags & on_exec) != 0 ? files.set_on_exec(fd, OnExec::close) : files.close(fd));
    }
    return 0;
}

// A lock that somebody else holds is EAGAIN, also for who would wait for it.
Result<std::uint64_t> sys_flock(System& system, const Arguments& a) {
    const std::int32_t command = int_argument(a[1]) & ~LOCK_NB;
    if ((command & lock_mandatory) != 0) return 0;
    if (command != LOCK_SH && command != LOCK_EX && command != LOCK_UN) return fail(Errno::einval);
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    // A stream of the host is locked by nobody here.
    Inode* inode = (*file)->inode();
    if (inode == nullptr) return 0;
    if (command != LOCK_UN) {
        return answer(inode->locks().take(**file, command == LOCK_EX ? LockKind::exclusive : LockKind::shared));
    }
    inode->locks().release(**file);
    return 0;
}

}  // namespace fl::kernel
