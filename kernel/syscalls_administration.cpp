// What only an administrator does: the machine's name, its swap, its end. The machine's shape is the command line's,
// so that most of it is refused, as to root without the capability (Linux: kernel/sys.c, kernel/reboot.c,
// mm/swapfile.c).
#include "kernel/path_argument.hpp"
#include "kernel/processes.hpp"
#include "kernel/ptrace_access.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/task_copies.hpp"
#include "kernel/terminal.hpp"

#include <fcntl.h>
#include <sched.h>

#include <algorithm>
#include <array>

namespace fl::kernel {

namespace {

// sethostname(2), setdomainname(2).
Result<std::uint64_t> set_machine_name(System& system, const Arguments& a, std::string& name) {
    constexpr std::int32_t max_bytes = 64;  // __NEW_UTS_LEN
    if (!system.task.credentials.may(Capability::sys_admin)) return fail(Errno::eperm);
    const std::int32_t length = int_argument(a[1]);
    if (length < 0 || length > max_bytes) return fail(Errno::einval);
    std::string wanted(static_cast<std::size_t>(length), '\0');
    if (auto done = system.user().copy_from(VirtAddr(a[0]), std::as_writable_bytes(std::span(wanted))); !done) {
        return fail(done.error());
    }
    name = wanted.substr(0, wanted.find('\0'));
    return 0;
}

}  // namespace

Result<std::uint64_t> sys_sethostname(System& system, const Arguments& a) {
    return set_machine_name(system, a, system.processes.machine_names().node);
}
Result<std::uint64_t> sys_setdomainname(System& system, const Arguments& a) {
    return set_machine_name(system, a, system.processes.machine_names().domain);
}

Result<std::uint64_t> sys_reboot(System& system, const Arguments& a) {
    constexpr std::uint32_t magic = 0xfee1'dead;
    constexpr std::array<std::uint32_t, 4> second_magic = {672274793, 85072278, 369367448, 537993216};
    if (!system.task.credentials.may(Capability::sys_boot)) return fail(Errno::eperm);
    const bool meant = static_cast<std::uint32_t>(a[0]) == magic &&
                       std::ranges::find(second_magic, static_cast<std::uint32_t>(a[1])) != second_magic.end();
    return fail(meant ? Errno::eperm : Errno::einval);
}

// Swap is what the machine was built with, and no file that a program can name is a part of it.
Result<std::uint64_t> sys_swapon(System& system, const Arguments& a) {
    constexpr std::int32_t known_flags = 0x7'ffff;  // SWAP_FLAGS_VALID
    if ((int_argument(a[1]) & ~known_flags) != 0) return fail(Errno::einval);
    return sys_swapoff(system, a);
}
Result<std::uint64_t> sys_swapoff(System& system, const Arguments& a) {
    if (!system.task.credentials.may(Capability::sys_admin)) return fail(Errno::eperm);
    const auto path = read_path(system, a[0]);
    if (!path) return fail(path.error());
    const auto file = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), *path, FollowLast::yes);
    return fail(file ? Errno::einval : file.error());
}

// Without quotas on any file system, and without process accounting.
Result<std::uint64_t> sys_quotactl(System&, const Arguments&) { return fail(Errno::enosys); }
Result<std::uint64_t> sys_acct(System&, const Arguments&) { return fail(Errno::enosys); }

Result<std::uint64_t> sys_vhangup(System& system, const Arguments&) {
    if (!system.task.credentials.may(Capability::sys_tty_config)) return fail(Errno::eperm);
    if (const auto terminal = system.task.process->terminal) terminal->hang_up(system.processes);
    return 0;
}

// A kernel without CONFIG_X86_IOPL_IOPERM.
Result<std::uint64_t> sys_no_ports(System&, const Arguments&) { return fail(Errno::enosys); }

// Without namespaces there is nothing to leave but what clone(2) shares.
Result<std::uint64_t> sys_unshare(System& system, const Arguments& a) {
    constexpr std::uint64_t known = CLONE_FS | CLONE_FILES | CLONE_SYSVSEM;
    constexpr std::uint64_t of_threads = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
    const auto flags = static_cast<std::uint32_t>(a[0]);
    if ((flags & ~(known | of_threads)) != 0) return fail(Errno::einval);
    Task& task = system.task;
    if ((flags & of_threads) != 0 && task.process->threads.size() > 1) return fail(Errno::einval);
    if ((flags & (CLONE_SIGHAND | CLONE_VM)) != 0 && task.mm->mm_users() > 1) return fail(Errno::einval);
    auto fs = (flags & CLONE_FS) != 0 ? copy_fs(system.memory, *task.fs) : task.fs;
    if (!fs) return fail(fs.error());
    auto files = (flags & CLONE_FILES) != 0 ? copy_files(system.memory, *task.files) : task.files;
    if (!files) return fail(files.error());
    task.fs = std::move(*fs);
    task.files = std::move(*files);
    return 0;
}

Result<std::uint64_t> sys_get_robust_list(System& system, const Arguments& a) {
    constexpr std::uint64_t head_bytes = 24;
    const std::int32_t tid = int_argument(a[0]);
    const System* target = tid == 0 ? &system : system.processes.find_task(static_cast<std::uint32_t>(tid));
    if (target == nullptr || target->task.exit) return fail(Errno::esrch);
    if (!may_ptrace(system.task, target->task, PtraceMode::real)) return fail(Errno::eperm);
    if (auto done = system.user().write(VirtAddr(a[2]), head_bytes); !done) return fail(done.error());
    return answer(system.user().write(VirtAddr(a[1]), target->task.robust_list));
}

}  // namespace fl::kernel
