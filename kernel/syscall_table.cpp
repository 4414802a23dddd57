#include "kernel/syscall_table.hpp"

#include "kernel/processes.hpp"
#include "kernel/strace_memory.hpp"
#include "kernel/syscall_names.hpp"
#include "kernel/userfaultfd.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/syscall.h>

#include <algorithm>

namespace fl::kernel {

namespace {

using Kind = ArgumentFormat::Kind;

constexpr ArgumentFormat as(Kind kind) { return {kind, ArgumentFormat::Direction::in}; }
constexpr ArgumentFormat out(Kind kind) { return {kind, ArgumentFormat::Direction::out}; }

constexpr ArgumentFormat flags(const FlagNames& names) { return {Kind::flags, ArgumentFormat::Direction::in, &names}; }
constexpr ArgumentFormat code(const FlagNames& names) { return {Kind::code, ArgumentFormat::Direction::in, &names}; }

constexpr ArgumentFormat number = as(Kind::number), size = as(Kind::count), hex = as(Kind::hexadecimal),
                         address = as(Kind::address), fd = as(Kind::descriptor), dirfd = as(Kind::directory),
                         path = as(Kind::path), who = as(Kind::usage_who), sig = as(Kind::signal),
                         clock_id = as(Kind::clock), mode = as(Kind::permissions), owner = as(Kind::owner),
                         at = as(Kind::at_flags), position = as(Kind::position), buffer = as(Kind::buffer);

// How a call without an entry is printed: all that it may have been given.
constexpr ArgumentFormats unknown_arguments = {hex, hex, hex, hex, hex, hex};

// By number. Calls without a function are there for --strace: programs ask for them often and live without.
// clang-format off
constexpr SystemCall system_calls[] = {
    {SYS_read, sys_read, {fd, out(Kind::buffer), size}},
    {SYS_write, sys_write, {fd, as(Kind::buffer), size}},
    {SYS_open, sys_open, {path, as(Kind::open_flags), as(Kind::create_mode)}},
    {SYS_close, sys_close, {fd}},
    {SYS_stat, sys_stat, {path, out(Kind::status)}},
    {SYS_fstat, sys_fstat, {fd, out(Kind::status)}},
    {SYS_lstat, sys_lstat, {path, out(Kind::status)}},
    {SYS_poll, sys_poll, {address, size, number}},
    {SYS_lseek, sys_lseek, {fd, as(Kind::offset), as(Kind::seek)}},
    {SYS_mmap, sys_mmap, {address, size, as(Kind::protection), as(Kind::map_flags), fd, hex}},
    {SYS_mprotect, sys_mprotect, {address, size, as(Kind::protection)}},
    {SYS_munmap, sys_munmap, {address, size}},
    {SYS_brk, sys_brk, {address}},
    {SYS_rt_sigaction, sys_rt_sigaction, {sig, as(Kind::signal_action), out(Kind::signal_action), size}},
    {SYS_rt_sigprocmask, sys_rt_sigprocmask, {as(Kind::signal_how), as(Kind::signal_set), out(Kind::signal_set), size}},
    {SYS_rt_sigreturn, sys_rt_sigreturn, {as(Kind::sigreturn)}},
    {SYS_ioctl, sys_ioctl, {fd, as(Kind::ioctl_request), address}},
    {SYS_pread64, sys_pread64, {fd, out(Kind::buffer), size, as(Kind::offset)}},
    {SYS_pwrite64, sys_pwrite64, {fd, as(Kind::buffer), size, as(Kind::offset)}},
    {SYS_readv, sys_readv, {fd, out(Kind::segments), size}},
    {SYS_writev, sys_writev, {fd, as(Kind::segments), size}},
    {SYS_access, sys_access, {path, as(Kind::access_mode)}},
    {SYS_pipe, sys_pipe, {address}},
    {SYS_select, sys_select, {number, address, address, address, as(Kind::timeval)}},
    {SYS_sched_yield, sys_sched_yield, {}},
    {SYS_mremap, sys_mremap, {address, size, size, as(Kind::remap_flags), as(Kind::remap_target)}},
    {SYS_msync, sys_msync, {address, size, as(Kind::sync_flags)}},
    {SYS_mincore, sys_mincore, {address, size, out(Kind::residency)}},
    {SYS_madvise, sys_madvise, {address, size, as(Kind::advice)}},
    {SYS_shmget, sys_shmget, {as(Kind::ipc_key), size, as(Kind::ipc_get_flags)}},
    {SYS_shmat, sys_shmat, {number, address, flags(shm_flag_names)}},
    {SYS_shmctl, sys_shmctl, {number, as(Kind::shm_command), address}},
    {SYS_dup, sys_dup, {fd}},
    {SYS_dup2, sys_dup2, {fd, fd}},
    {SYS_pause, sys_pause, {}},
    {SYS_nanosleep, sys_nanosleep, {as(Kind::timespec), address}},
    {SYS_getitimer, sys_getitimer, {number, address}},
    {SYS_alarm, sys_alarm, {number}},
    {SYS_setitimer, sys_setitimer, {number, address, address}},
    {SYS_getpid, sys_getpid, {}},
    {SYS_sendfile, sys_sendfile, {fd, fd, position, size}},
    {SYS_socket, sys_socket, {number, hex, number}},
    {SYS_sendto, sys_sendto, {fd, as(Kind::buffer), size, hex, address, size}},
    {SYS_recvfrom, sys_recvfrom, {fd, out(Kind::buffer), size, hex, address, address}},
    {SYS_shutdown, sys_shutdown, {fd, number}},
    {SYS_socketpair, sys_socketpair, {number, hex, number, address}},
    {SYS_clone, sys_clone, {as(Kind::clone_flags), address, address, address, hex}},
    {SYS_fork, sys_fork, {}},
    {SYS_vfork, sys_vfork, {}},
    {SYS_execve, sys_execve, {path, as(Kind::strings), address}},
    {SYS_exit, sys_exit, {number}},
    {SYS_wait4, sys_wait4, {number, out(Kind::wait_status), as(Kind::wait_flags), out(Kind::usage)}},
    {SYS_kill, sys_kill, {number, sig}},
    {SYS_uname, sys_uname, {out(Kind::names)}},
    {SYS_semget, sys_semget, {as(Kind::ipc_key), number, as(Kind::ipc_get_flags)}},
    {SYS_semop, sys_semop, {number, address, size}},
    {SYS_semctl, sys_semctl, {number, number, as(Kind::sem_command), hex}},
    {SYS_shmdt, sys_shmdt, {address}},
    {SYS_msgget, sys_msgget, {as(Kind::ipc_key), as(Kind::ipc_get_flags)}},
    {SYS_msgsnd, sys_msgsnd, {number, address, size, flags(ipc_operation_flag_names)}},
    {SYS_msgrcv, sys_msgrcv, {number, address, size, as(Kind::offset), flags(ipc_operation_flag_names)}},
    {SYS_msgctl, sys_msgctl, {number, as(Kind::msg_command), address}},
    {SYS_fcntl, sys_fcntl, {fd, as(Kind::fcntl_command), as(Kind::fcntl_argument)}},
    {SYS_flock, sys_flock, {fd, flags(lock_command_names)}},
    {SYS_fsync, sys_fsync, {fd}},
    {SYS_fdatasync, sys_fsync, {fd}},
    {SYS_truncate, sys_truncate, {path, as(Kind::offset)}},
    {SYS_ftruncate, sys_ftruncate, {fd, as(Kind::offset)}},
    {SYS_getdents, sys_getdents, {fd, out(Kind::directory_entries), size}},
    {SYS_getcwd, sys_getcwd, {out(Kind::path), size}},
    {SYS_chdir, sys_chdir, {path}},
    {SYS_fchdir, sys_fchdir, {fd}},
    {SYS_rename, sys_rename, {path, path}},
    {SYS_mkdir, sys_mkdir, {path, as(Kind::permissions)}},
    {SYS_rmdir, sys_rmdir, {path}},
    {SYS_creat, sys_creat, {path, as(Kind::permissions)}},
    {SYS_link, sys_link, {path, path}},
    {SYS_unlink, sys_unlink, {path}},
    {SYS_symlink, sys_symlink, {path, path}},
    {SYS_readlink, sys_readlink, {path, out(Kind::buffer), size}},
    {SYS_chmod, sys_chmod, {path, mode}},
    {SYS_fchmod, sys_fchmod, {fd, mode}},
    {SYS_chown, sys_chown, {path, owner, owner}},
    {SYS_fchown, sys_fchown, {fd, owner, owner}},
    {SYS_lchown, sys_lchown, {path, owner, owner}},
    {SYS_umask, sys_umask, {as(Kind::permissions)}},
    {SYS_gettimeofday, sys_gettimeofday, {out(Kind::timeval), address}},
    {SYS_getrlimit, sys_getrlimit, {as(Kind::resource), out(Kind::limit)}},
    {SYS_getrusage, sys_getrusage, {who, out(Kind::usage)}},
    {SYS_sysinfo, sys_sysinfo, {address}},
    {SYS_getuid, sys_getuid, {}},
    {SYS_getgid, sys_getgid, {}},
    {SYS_geteuid, sys_getuid, {}},
    {SYS_getegid, sys_getgid, {}},
    {SYS_setpgid, sys_setpgid, {number, number}},
    {SYS_getppid, sys_getppid, {}},
    {SYS_getpgrp, sys_getpgrp, {}},
    {SYS_setsid, sys_setsid, {}},
    {SYS_getpgid, sys_getpgid, {number}},
    {SYS_getsid, sys_getsid, {number}},
    {SYS_capget, sys_capget, {address, address}},
    {SYS_capset, sys_capset, {address, address}},
    {SYS_rt_sigpending, sys_rt_sigpending, {out(Kind::signal_set), size}},
    {SYS_rt_sigtimedwait, sys_rt_sigtimedwait, {as(Kind::signal_set), address, as(Kind::timespec), size}},
    {SYS_rt_sigqueueinfo, sys_rt_sigqueueinfo, {number, sig, address}},
    {SYS_rt_sigsuspend, sys_rt_sigsuspend, {as(Kind::signal_set), size}},
    {SYS_sigaltstack, sys_sigaltstack, {as(Kind::signal_stack), out(Kind::signal_stack)}},
    {SYS_utime, sys_utime, {path, address}},
    {SYS_mknod, sys_mknod, {path, as(Kind::node_mode), as(Kind::node_device)}},
    {SYS_personality, sys_personality, {as(Kind::persona)}},
    {SYS_statfs, sys_statfs, {path, out(Kind::file_system)}},
    {SYS_fstatfs, sys_fstatfs, {fd, out(Kind::file_system)}},
    {SYS_mlock, sys_mlock, {address, size}},
    {SYS_munlock, sys_munlock, {address, size}},
    {SYS_mlockall, sys_mlockall, {as(Kind::lock_all_flags)}},
    {SYS_munlockall, sys_munlockall, {}},
    {SYS_pivot_root, sys_pivot_root, {path, path}},
    {SYS_prctl, sys_prctl, {hex, hex, hex, hex, hex}},
    {SYS_arch_prctl, sys_arch_prctl, {as(Kind::prctl_code), address}},
    {SYS_setrlimit, sys_setrlimit, {as(Kind::resource), as(Kind::limit)}},
    {SYS_chroot, sys_chroot, {path}},
    {SYS_sync, sys_sync, {}},
    {SYS_mount, sys_mount, {path, path, path, flags(mount_flag_names), address}},
    {SYS_umount2, sys_umount2, {path, flags(unmount_flag_names)}},
    {SYS_gettid, sys_gettid, {}},
    {SYS_readahead, sys_readahead, {fd, as(Kind::offset), size}},
    {SYS_setxattr, sys_setxattr, {path, path, buffer, size, flags(attribute_flag_names)}},
    {SYS_lsetxattr, sys_lsetxattr, {path, path, buffer, size, flags(attribute_flag_names)}},
    {SYS_fsetxattr, sys_fsetxattr, {fd, path, buffer, size, flags(attribute_flag_names)}},
    {SYS_getxattr, sys_getxattr, {path, path, out(Kind::buffer), size}},
    {SYS_lgetxattr, sys_lgetxattr, {path, path, out(Kind::buffer), size}},
    {SYS_fgetxattr, sys_fgetxattr, {fd, path, out(Kind::buffer), size}},
    {SYS_listxattr, sys_listxattr, {path, out(Kind::buffer), size}},
    {SYS_llistxattr, sys_llistxattr, {path, out(Kind::buffer), size}},
    {SYS_flistxattr, sys_flistxattr, {fd, out(Kind::buffer), size}},
    {SYS_removexattr, sys_removexattr, {path, path}},
    {SYS_lremovexattr, sys_lremovexattr, {path, path}},
    {SYS_fremovexattr, sys_fremovexattr, {fd, path}},
    {SYS_tkill, sys_tkill, {number, sig}},
    {SYS_time, sys_time, {address}},
    {SYS_futex, sys_futex, {address, as(Kind::futex_operation), number, address, address, hex}},
    {SYS_sched_getaffinity, sys_sched_getaffinity, {number, size, address}},
    {SYS_remap_file_pages, sys_remap_file_pages, {address, size, as(Kind::protection), size, as(Kind::map_flags)}},
    {SYS_getdents64, sys_getdents64, {fd, out(Kind::directory_entries), size}},
    {SYS_set_tid_address, sys_set_tid_address, {address}},
    {SYS_semtimedop, sys_semtimedop, {number, address, size, as(Kind::timespec)}},
    {SYS_fadvise64, sys_fadvise64, {fd, as(Kind::offset), size, code(file_advice_names)}},
    {SYS_clock_gettime, sys_clock_gettime, {clock_id, out(Kind::timespec)}},
    {SYS_clock_getres, sys_clock_getres, {clock_id, out(Kind::timespec)}},
    {SYS_clock_nanosleep, sys_clock_nanosleep, {clock_id, as(Kind::clock_flags), as(Kind::timespec), address}},
    {SYS_exit_group, sys_exit_group, {number}},
    {SYS_tgkill, sys_tgkill, {number, number, sig}},
    {SYS_utimes, sys_utimes, {path, as(Kind::file_times_us)}},
    {SYS_mbind, sys_mbind, {address, size, as(Kind::memory_policy), address, size, flags(mbind_flag_names)}},
    {SYS_set_mempolicy, sys_set_mempolicy, {as(Kind::memory_policy), address, size}},
    {SYS_get_mempolicy, sys_get_mempolicy, {address, address, size, address, flags(get_policy_flag_names)}},
    {SYS_waitid, sys_waitid, {number, number, address, as(Kind::wait_flags), out(Kind::usage)}},
    {SYS_inotify_init, nullptr, {}},
    {SYS_inotify_add_watch, nullptr, {fd, path, hex}},
    {SYS_inotify_rm_watch, nullptr, {fd, number}},
    {SYS_migrate_pages, sys_migrate_pages, {number, size, address, address}},
    {SYS_openat, sys_openat, {dirfd, path, as(Kind::open_flags), as(Kind::create_mode)}},
    {SYS_mkdirat, sys_mkdirat, {dirfd, path, as(Kind::permissions)}},
    {SYS_mknodat, sys_mknodat, {dirfd, path, as(Kind::node_mode), as(Kind::node_device)}},
    {SYS_fchownat, sys_fchownat, {dirfd, path, owner, owner, at}},
    {SYS_futimesat, sys_futimesat, {dirfd, path, as(Kind::file_times_us)}},
    {SYS_newfstatat, sys_newfstatat, {dirfd, path, out(Kind::status), as(Kind::at_flags)}},
    {SYS_unlinkat, sys_unlinkat, {dirfd, path, as(Kind::unlink_flags)}},
    {SYS_renameat, sys_renameat, {dirfd, path, dirfd, path}},
    {SYS_linkat, sys_linkat, {dirfd, path, dirfd, path, at}},
    {SYS_symlinkat, sys_symlinkat, {path, dirfd, path}},
    {SYS_readlinkat, sys_readlinkat, {dirfd, path, out(Kind::buffer), size}},
    {SYS_fchmodat, sys_fchmodat, {dirfd, path, mode}},
    {SYS_faccessat, sys_faccessat, {dirfd, path, as(Kind::access_mode)}},
    {SYS_pselect6, sys_pselect6, {number, address, address, address, as(Kind::timespec), address}},
    {SYS_ppoll, sys_ppoll, {address, size, as(Kind::timespec), address, size}},
    {SYS_set_robust_list, sys_set_robust_list, {address, size}},
    {SYS_sync_file_range, sys_sync_file_range, {fd, as(Kind::offset), as(Kind::offset), flags(sync_range_flag_names)}},
    {SYS_move_pages, sys_move_pages, {number, size, address, address, address, flags(mbind_flag_names)}},
    {SYS_utimensat, sys_utimensat, {dirfd, path, as(Kind::file_times), at}},
    {SYS_eventfd, sys_eventfd, {number}},
    {SYS_fallocate, sys_fallocate, {fd, flags(allocate_flag_names), as(Kind::offset), as(Kind::offset)}},
    {SYS_eventfd2, sys_eventfd2, {number, hex}},
    {SYS_dup3, sys_dup3, {fd, fd, flags(duplicate_flag_names)}},
    {SYS_pipe2, sys_pipe2, {address, as(Kind::open_flags)}},
    {SYS_inotify_init1, nullptr, {hex}},
    {SYS_preadv, sys_preadv, {fd, out(Kind::segments), size, as(Kind::offset)}},
    {SYS_pwritev, sys_pwritev, {fd, as(Kind::segments), size, as(Kind::offset)}},
    {SYS_rt_tgsigqueueinfo, sys_rt_tgsigqueueinfo, {number, number, sig, address}},
    {SYS_prlimit64, sys_prlimit64, {number, as(Kind::resource), as(Kind::limit), out(Kind::limit)}},
    {SYS_syncfs, sys_syncfs, {fd}},
    {SYS_getcpu, sys_getcpu, {address, address, address}},
    {SYS_process_vm_readv, sys_process_vm_readv,
     {number, out(Kind::segments), size, as(Kind::segment_places), size, hex}},
    {SYS_process_vm_writev, sys_process_vm_writev,
     {number, as(Kind::segments), size, as(Kind::segment_places), size, hex}},
    {SYS_renameat2, sys_renameat2, {dirfd, path, dirfd, path, flags(rename_flag_names)}},
    {SYS_getrandom, sys_getrandom, {out(Kind::buffer), size, as(Kind::random_flags)}},
    {SYS_memfd_create, sys_memfd_create, {path, flags(memfd_flag_names)}},
    {SYS_execveat, sys_execveat, {dirfd, path, as(Kind::strings), address, as(Kind::at_flags)}},
    {SYS_userfaultfd, sys_userfaultfd, {flags(userfaultfd_flag_names)}},
    {SYS_membarrier, sys_membarrier, {code(membarrier_command_names), flags(membarrier_flag_names)}},
    {SYS_mlock2, sys_mlock2, {address, size, as(Kind::lock_flags)}},
    {SYS_copy_file_range, sys_copy_file_range, {fd, position, fd, position, size, hex}},
    {SYS_preadv2, sys_preadv2, {fd, out(Kind::segments), size, as(Kind::offset), number, hex}},
    {SYS_pwritev2, sys_pwritev2, {fd, as(Kind::segments), size, as(Kind::offset), number, hex}},
    {SYS_pkey_mprotect, sys_pkey_mprotect, {address, size, as(Kind::protection), number}},
    {SYS_pkey_alloc, sys_pkey_alloc, {hex, hex}},
    {SYS_pkey_free, sys_pkey_free, {number}},
    {SYS_statx, sys_statx, {dirfd, path, as(Kind::at_flags), as(Kind::statx_mask), out(Kind::statx)}},
    {SYS_rseq, sys_rseq, {address, hex, hex, hex}},
    {SYS_clone3, sys_clone3, {address, size}},
    {SYS_close_range, sys_close_range, {size, size, flags(close_range_flag_names)}},
    {SYS_faccessat2, sys_faccessat2, {dirfd, path, as(Kind::access_mode), as(Kind::at_flags)}},
    {SYS_process_madvise, sys_process_madvise, {fd, as(Kind::segment_places), size, as(Kind::advice), hex}},
    {SYS_process_mrelease, sys_process_mrelease, {fd, hex}},
    {450, sys_set_mempolicy_home_node, {address, size, size, hex}},  // set_mempolicy_home_node
    {451, sys_cachestat, {fd, address, address, hex}},               // cachestat
    {452, sys_fchmodat2, {dirfd, path, mode, at}},                   // fchmodat2
    {462, sys_mseal, {address, size, hex}},                          // mseal
};
// clang-format on

constexpr bool sorted_by_number() {
    return std::is_sorted(std::begin(system_calls), std::end(system_calls),
                          [](const SystemCall& a, const SystemCall& b) { return a.number < b.number; });
}
static_assert(sorted_by_number());

// Calls that do not come back, or come back as another: they are printed before they are made.
bool changes_its_caller(std::uint64_t syscall_number) {
    return syscall_number == SYS_exit || syscall_number == SYS_exit_group || syscall_number == SYS_rt_sigreturn ||
           syscall_number == SYS_execve || syscall_number == SYS_execveat;
}

// A log that cannot be written must not change what the program does.
void write_line(std::FILE* output, std::string line) {
    line += '\n';
    (void)std::fwrite(line.data(), 1, line.size(), output);
}

// A guest can think up 2^64 wrong numbers; warnings end long before.
constexpr std::size_t max_warnings = 500;

}  // namespace

const SystemCall* find_system_call(std::uint64_t syscall_number) {
    static const auto by_number = [] {
        std::array<const SystemCall*, syscall_name_count> index{};
        for (const SystemCall& call : system_calls) index[call.number] = &call;
        return index;
    }();
    return syscall_number < by_number.size() ? by_number[syscall_number] : nullptr;
}

void SyscallDispatcher::warn_once(std::uint64_t syscall_number) {
    if (warned_.size() >= max_warnings || !warned_.insert(syscall_number).second) return;
    const char* name = syscall_name(syscall_number);
    spdlog::warn("system call {}{} is not implemented; answered ENOSYS", syscall_number,
                 name != nullptr ? fmt::format(" ({})", name) : "");
}

Result<std::uint64_t> SyscallDispatcher::call(System& system, const SystemCall* entry, std::uint64_t syscall_number,
                                              const Arguments& arguments) {
    if (entry != nullptr && entry->handler != nullptr) return entry->handler(system, arguments);
    warn_once(syscall_number);
    return fail(Errno::enosys);
}

// strace -f names the task once there is more than one.
std::string SyscallDispatcher::prefix(const Task& task) {
    if (task.tid != Processes::first_pid || several_tasks_) {
        several_tasks_ = true;
        return fmt::format("[pid {:>5}] ", task.tid);
    }
    return {};
}

Result<std::uint64_t> SyscallDispatcher::traced_call(System& system, const SystemCall* entry,
                                                     std::uint64_t syscall_number, const Arguments& arguments) {
    const SyscallLine line{syscall_name(syscall_number), syscall_number,
                           entry != nullptr ? entry->formats : unknown_arguments, arguments};
    const bool before = changes_its_caller(syscall_number);
    std::string text = before ? format_call(system, line, nullptr) : std::string();
    const auto result = call(system, entry, syscall_number, arguments);
    if (!before) text = format_call(system, line, &result);
    const std::string answer_text = system.task.exit ? "?" : format_result(line, result);
    write_line(strace_output_, prefix(system.task) + text + " = " + answer_text);
    return result;
}

void SyscallDispatcher::dispatch(System& system) {
    emu::Registers& r = system.task.registers;
    const std::uint64_t syscall_number = r.rax;
    const Arguments arguments = {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9};
    // SYSCALL leaves these two behind (Intel SDM vol. 2B); the signal frames of Linux show them as well.
    r.rcx = r.rip;
    r.r11 = r.rflags;
    ++call_count_;
    const SystemCall* entry = find_system_call(syscall_number);
    const auto result = traces() ? traced_call(system, entry, syscall_number, arguments)
                                 : call(system, entry, syscall_number, arguments);
    tell_userfault_events(system);
    r.rax = result ? *result : ~static_cast<std::uint64_t>(result.error()) + 1;
    system.task.restarted_deadline_ns.reset();
}

void SyscallDispatcher::log_signal(const Task& task, const SignalInfo& info) {
    if (traces()) write_line(strace_output_, prefix(task) + format_signal(info));
}

void SyscallDispatcher::log_end(const Task& task, const ExitStatus& status) {
    if (!traces()) return;
    write_line(strace_output_, prefix(task) + format_end(status));
    std::fflush(strace_output_);
}

}  // namespace fl::kernel
