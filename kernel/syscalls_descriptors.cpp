// Many descriptors at once (Linux: fs/file.c).
#include "kernel/syscalls.hpp"
#include "kernel/task_copies.hpp"

namespace fl::kernel {

Result<std::uint64_t> sys_close_range(System& system, const Arguments& a) {
    constexpr std::uint32_t unshare = 2, on_exec = 4;  // include/uapi/linux/close_range.h
    const auto first = static_cast<std::uint32_t>(a[0]), last = static_cast<std::uint32_t>(a[1]);
    const auto flags = static_cast<std::uint32_t>(a[2]);
    if ((flags & ~(unshare | on_exec)) != 0 || first > last) return fail(Errno::einval);
    if ((flags & unshare) != 0 && system.task.files.use_count() > 1) {
        auto own = copy_files(system.memory, *system.task.files);
        if (!own) return fail(own.error());
        system.task.files = std::move(*own);
    }
    FileTable& files = *system.task.files;
    for (const std::uint32_t fd : files.numbers()) {
        if (fd < first || fd > last) continue;
        (void)((flags & on_exec) != 0 ? files.set_on_exec(fd, OnExec::close) : files.close(fd));
    }
    return 0;
}

}  // namespace fl::kernel
