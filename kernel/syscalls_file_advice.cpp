// What a program says about how it will use a file, and parts of it to be brought to its disk (Linux: mm/fadvise.c,
// mm/readahead.c, fs/sync.c). Files in memory need none of it; the errors are Linux's.
#include "kernel/syscalls.hpp"
#include "kernel/vfs/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace fl::kernel {

namespace {

Result<mode_t> mode_of(const System& system, const FileDescription& file) {
    const auto status = file.status(system);
    if (!status) return fail(status.error());
    return status->st_mode;
}

}  // namespace

Result<std::uint64_t> sys_fadvise64(System& system, const Arguments& a) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    const auto mode = mode_of(system, **file);
    if (!mode) return fail(mode.error());
    if (S_ISFIFO(*mode)) return fail(Errno::espipe);
    if (static_cast<std::int64_t>(a[2]) < 0) return fail(Errno::einval);
    const std::int32_t advice = int_argument(a[3]);
    if (advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE) return fail(Errno::einval);
    return 0;
}

Result<std::uint64_t> sys_readahead(System& system, const Arguments& a) {
    const auto file = system.task.files->find(a[0]);
    if (!file || !(*file)->is_readable()) return fail(Errno::ebadf);
    const auto mode = mode_of(system, **file);
    if (!mode) return fail(mode.error());
    return S_ISREG(*mode) || S_ISBLK(*mode) ? Result<std::uint64_t>(0) : fail(Errno::einval);
}

Result<std::uint64_t> sys_sync_file_range(System& system, const Arguments& a) {
    constexpr std::uint32_t known = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    if ((static_cast<std::uint32_t>(a[3]) & ~known) != 0) return fail(Errno::einval);
    const auto offset = static_cast<std::int64_t>(a[1]), end = static_cast<std::int64_t>(a[1] + a[2]);
    if (offset < 0 || end < offset) return fail(Errno::einval);
    const auto mode = mode_of(system, **file);
    if (!mode) return fail(mode.error());
    if (!S_ISREG(*mode) && !S_ISBLK(*mode) && !S_ISDIR(*mode) && !S_ISLNK(*mode)) return fail(Errno::espipe);
    Inode* inode = (*file)->inode();
    RegularFile* regular = inode != nullptr ? inode->regular_file() : nullptr;
    const bool writes = (static_cast<std::uint32_t>(a[3]) & SYNC_FILE_RANGE_WRITE) != 0;
    if (regular == nullptr || !writes) return 0;
    return answer(regular->synchronise());
}

}  // namespace fl::kernel
