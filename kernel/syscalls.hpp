// System calls, by concern: one function each, in syscalls_<concern>.cpp. A function answers with a value or an Errno;
// syscall_table.cpp alone makes -errno of it. Checks come in Linux's order, so that a call that is wrong in two ways
// fails for the same reason.
#pragma once

#include "kernel/system.hpp"

#include <array>
#include <cstdint>

namespace fl::kernel {

// RDI, RSI, RDX, R10, R8, R9.
using Arguments = std::array<std::uint64_t, 6>;
using SyscallHandler = Result<std::uint64_t> (*)(System&, const Arguments&);

// A C int in a register: the upper half is whatever the program left there.
inline std::int32_t int_argument(std::uint64_t argument) { return static_cast<std::int32_t>(argument); }

// What a call answers whose work gave no number.
inline Result<std::uint64_t> answer(Result<void> done) {
    if (!done) return fail(done.error());
    return 0;
}
// copy_to_user() of one value, where a null pointer means that it is not wanted.
template <class T>
Result<void> write_optional(System& system, std::uint64_t target, const T& value) {
    if (target == 0) return {};
    return system.user().write(VirtAddr(target), value);
}

// --- memory
Result<std::uint64_t> sys_brk(System&, const Arguments&);
Result<std::uint64_t> sys_mmap(System&, const Arguments&);
Result<std::uint64_t> sys_munmap(System&, const Arguments&);
Result<std::uint64_t> sys_mprotect(System&, const Arguments&);
Result<std::uint64_t> sys_mremap(System&, const Arguments&);
Result<std::uint64_t> sys_remap_file_pages(System&, const Arguments&);
Result<std::uint64_t> sys_process_vm_readv(System&, const Arguments&);
Result<std::uint64_t> sys_process_vm_writev(System&, const Arguments&);

// --- memory of other processes
Result<std::uint64_t> sys_process_madvise(System&, const Arguments&);
Result<std::uint64_t> sys_process_mrelease(System&, const Arguments&);

// --- userfaultfd
Result<std::uint64_t> sys_userfaultfd(System&, const Arguments&);

// --- wider memory
Result<std::uint64_t> sys_pkey_alloc(System&, const Arguments&);
Result<std::uint64_t> sys_pkey_free(System&, const Arguments&);
Result<std::uint64_t> sys_pkey_mprotect(System&, const Arguments&);
Result<std::uint64_t> sys_membarrier(System&, const Arguments&);
Result<std::uint64_t> sys_mseal(System&, const Arguments&);
Result<std::uint64_t> sys_cachestat(System&, const Arguments&);

// --- memory policy
Result<std::uint64_t> sys_get_mempolicy(System&, const Arguments&);
Result<std::uint64_t> sys_set_mempolicy(System&, const Arguments&);
Result<std::uint64_t> sys_mbind(System&, const Arguments&);
Result<std::uint64_t> sys_set_mempolicy_home_node(System&, const Arguments&);
Result<std::uint64_t> sys_migrate_pages(System&, const Arguments&);
Result<std::uint64_t> sys_move_pages(System&, const Arguments&);

// What madvise(2) asks for, and its doing: for the caller's own memory or another's, whose `user` is.
struct MemoryAdvice {
    VirtAddr start;
    std::uint64_t length_bytes;
    std::int32_t advice;
};
Result<void> advise_memory(System& system, mm::MmStruct& mm, mm::UserMemory& user, const MemoryAdvice& wanted);

// --- System V shared memory
Result<std::uint64_t> sys_shmget(System&, const Arguments&);
Result<std::uint64_t> sys_shmat(System&, const Arguments&);
Result<std::uint64_t> sys_shmdt(System&, const Arguments&);
Result<std::uint64_t> sys_shmctl(System&, const Arguments&);

// --- System V semaphores and messages
Result<std::uint64_t> sys_semget(System&, const Arguments&);
Result<std::uint64_t> sys_semop(System&, const Arguments&);
Result<std::uint64_t> sys_semtimedop(System&, const Arguments&);
Result<std::uint64_t> sys_semctl(System&, const Arguments&);
Result<std::uint64_t> sys_msgget(System&, const Arguments&);
Result<std::uint64_t> sys_msgsnd(System&, const Arguments&);
Result<std::uint64_t> sys_msgrcv(System&, const Arguments&);
Result<std::uint64_t> sys_msgctl(System&, const Arguments&);

// --- capability
Result<std::uint64_t> sys_capget(System&, const Arguments&);
Result<std::uint64_t> sys_capset(System&, const Arguments&);

// --- residency
Result<std::uint64_t> sys_madvise(System&, const Arguments&);
Result<std::uint64_t> sys_mlock(System&, const Arguments&);
Result<std::uint64_t> sys_mlock2(System&, const Arguments&);
Result<std::uint64_t> sys_munlock(System&, const Arguments&);
Result<std::uint64_t> sys_mlockall(System&, const Arguments&);
Result<std::uint64_t> sys_munlockall(System&, const Arguments&);
Result<std::uint64_t> sys_mincore(System&, const Arguments&);
Result<std::uint64_t> sys_msync(System&, const Arguments&);

// --- io
Result<std::uint64_t> sys_read(System&, const Arguments&);
Result<std::uint64_t> sys_write(System&, const Arguments&);
Result<std::uint64_t> sys_readv(System&, const Arguments&);
Result<std::uint64_t> sys_writev(System&, const Arguments&);
Result<std::uint64_t> sys_pread64(System&, const Arguments&);
Result<std::uint64_t> sys_pwrite64(System&, const Arguments&);
Result<std::uint64_t> sys_preadv(System&, const Arguments&);
Result<std::uint64_t> sys_pwritev(System&, const Arguments&);
Result<std::uint64_t> sys_preadv2(System&, const Arguments&);
Result<std::uint64_t> sys_pwritev2(System&, const Arguments&);
Result<std::uint64_t> sys_lseek(System&, const Arguments&);
Result<std::uint64_t> sys_ioctl(System&, const Arguments&);

// --- files
Result<std::uint64_t> sys_open(System&, const Arguments&);
Result<std::uint64_t> sys_openat(System&, const Arguments&);
Result<std::uint64_t> sys_creat(System&, const Arguments&);
Result<std::uint64_t> sys_close(System&, const Arguments&);
Result<std::uint64_t> sys_dup(System&, const Arguments&);
Result<std::uint64_t> sys_dup2(System&, const Arguments&);
Result<std::uint64_t> sys_dup3(System&, const Arguments&);
Result<std::uint64_t> sys_fcntl(System&, const Arguments&);

// --- directories
Result<std::uint64_t> sys_getdents64(System&, const Arguments&);
Result<std::uint64_t> sys_getdents(System&, const Arguments&);

// --- descriptors
Result<std::uint64_t> sys_close_range(System&, const Arguments&);
Result<std::uint64_t> sys_flock(System&, const Arguments&);

// --- file size
Result<std::uint64_t> sys_ftruncate(System&, const Arguments&);
Result<std::uint64_t> sys_truncate(System&, const Arguments&);
Result<std::uint64_t> sys_fallocate(System&, const Arguments&);
Result<std::uint64_t> sys_fsync(System&, const Arguments&);
Result<std::uint64_t> sys_sync(System&, const Arguments&);
Result<std::uint64_t> sys_syncfs(System&, const Arguments&);
Result<std::uint64_t> sys_memfd_create(System&, const Arguments&);

// --- names
Result<std::uint64_t> sys_mkdir(System&, const Arguments&);
Result<std::uint64_t> sys_mkdirat(System&, const Arguments&);
Result<std::uint64_t> sys_rmdir(System&, const Arguments&);
Result<std::uint64_t> sys_unlink(System&, const Arguments&);
Result<std::uint64_t> sys_unlinkat(System&, const Arguments&);
Result<std::uint64_t> sys_symlink(System&, const Arguments&);
Result<std::uint64_t> sys_symlinkat(System&, const Arguments&);
Result<std::uint64_t> sys_rename(System&, const Arguments&);
Result<std::uint64_t> sys_renameat(System&, const Arguments&);
Result<std::uint64_t> sys_renameat2(System&, const Arguments&);

// --- links
Result<std::uint64_t> sys_link(System&, const Arguments&);
Result<std::uint64_t> sys_linkat(System&, const Arguments&);
Result<std::uint64_t> sys_mknod(System&, const Arguments&);
Result<std::uint64_t> sys_mknodat(System&, const Arguments&);

// --- attributes
Result<std::uint64_t> sys_chmod(System&, const Arguments&);
Result<std::uint64_t> sys_fchmod(System&, const Arguments&);
Result<std::uint64_t> sys_fchmodat(System&, const Arguments&);
Result<std::uint64_t> sys_fchmodat2(System&, const Arguments&);
Result<std::uint64_t> sys_chown(System&, const Arguments&);
Result<std::uint64_t> sys_fchown(System&, const Arguments&);
Result<std::uint64_t> sys_lchown(System&, const Arguments&);
Result<std::uint64_t> sys_fchownat(System&, const Arguments&);
Result<std::uint64_t> sys_utimensat(System&, const Arguments&);
Result<std::uint64_t> sys_futimesat(System&, const Arguments&);
Result<std::uint64_t> sys_utimes(System&, const Arguments&);
Result<std::uint64_t> sys_utime(System&, const Arguments&);

// --- xattr
Result<std::uint64_t> sys_setxattr(System&, const Arguments&);
Result<std::uint64_t> sys_lsetxattr(System&, const Arguments&);
Result<std::uint64_t> sys_fsetxattr(System&, const Arguments&);
Result<std::uint64_t> sys_getxattr(System&, const Arguments&);
Result<std::uint64_t> sys_lgetxattr(System&, const Arguments&);
Result<std::uint64_t> sys_fgetxattr(System&, const Arguments&);
Result<std::uint64_t> sys_listxattr(System&, const Arguments&);
Result<std::uint64_t> sys_llistxattr(System&, const Arguments&);
Result<std::uint64_t> sys_flistxattr(System&, const Arguments&);
Result<std::uint64_t> sys_removexattr(System&, const Arguments&);
Result<std::uint64_t> sys_lremovexattr(System&, const Arguments&);
Result<std::uint64_t> sys_fremovexattr(System&, const Arguments&);

// --- copy
Result<std::uint64_t> sys_sendfile(System&, const Arguments&);
Result<std::uint64_t> sys_copy_file_range(System&, const Arguments&);

// --- file advice
Result<std::uint64_t> sys_fadvise64(System&, const Arguments&);
Result<std::uint64_t> sys_readahead(System&, const Arguments&);
Result<std::uint64_t> sys_sync_file_range(System&, const Arguments&);

// --- file system
Result<std::uint64_t> sys_statfs(System&, const Arguments&);
Result<std::uint64_t> sys_fstatfs(System&, const Arguments&);
Result<std::uint64_t> sys_chroot(System&, const Arguments&);
Result<std::uint64_t> sys_mount(System&, const Arguments&);
Result<std::uint64_t> sys_umount2(System&, const Arguments&);
Result<std::uint64_t> sys_pivot_root(System&, const Arguments&);

// --- paths
Result<std::uint64_t> sys_fstat(System&, const Arguments&);
Result<std::uint64_t> sys_stat(System&, const Arguments&);
Result<std::uint64_t> sys_lstat(System&, const Arguments&);
Result<std::uint64_t> sys_newfstatat(System&, const Arguments&);
Result<std::uint64_t> sys_statx(System&, const Arguments&);
Result<std::uint64_t> sys_access(System&, const Arguments&);
Result<std::uint64_t> sys_faccessat(System&, const Arguments&);
Result<std::uint64_t> sys_faccessat2(System&, const Arguments&);
Result<std::uint64_t> sys_readlink(System&, const Arguments&);
Result<std::uint64_t> sys_readlinkat(System&, const Arguments&);
Result<std::uint64_t> sys_getcwd(System&, const Arguments&);
Result<std::uint64_t> sys_chdir(System&, const Arguments&);
Result<std::uint64_t> sys_fchdir(System&, const Arguments&);
Result<std::uint64_t> sys_umask(System&, const Arguments&);

// --- process
Result<std::uint64_t> sys_arch_prctl(System&, const Arguments&);
Result<std::uint64_t> sys_set_tid_address(System&, const Arguments&);
Result<std::uint64_t> sys_set_robust_list(System&, const Arguments&);
Result<std::uint64_t> sys_rseq(System&, const Arguments&);
Result<std::uint64_t> sys_prlimit64(System&, const Arguments&);
Result<std::uint64_t> sys_getrlimit(System&, const Arguments&);
Result<std::uint64_t> sys_setrlimit(System&, const Arguments&);
Result<std::uint64_t> sys_uname(System&, const Arguments&);
Result<std::uint64_t> sys_getpid(System&, const Arguments&);
Result<std::uint64_t> sys_gettid(System&, const Arguments&);
Result<std::uint64_t> sys_getppid(System&, const Arguments&);
Result<std::uint64_t> sys_getuid(System&, const Arguments&);
Result<std::uint64_t> sys_getgid(System&, const Arguments&);
Result<std::uint64_t> sys_getpgrp(System&, const Arguments&);
Result<std::uint64_t> sys_getpgid(System&, const Arguments&);
Result<std::uint64_t> sys_getsid(System&, const Arguments&);
Result<std::uint64_t> sys_getrandom(System&, const Arguments&);
Result<std::uint64_t> sys_getrusage(System&, const Arguments&);
Result<std::uint64_t> sys_sysinfo(System&, const Arguments&);
Result<std::uint64_t> sys_sched_yield(System&, const Arguments&);
Result<std::uint64_t> sys_sched_getaffinity(System&, const Arguments&);
Result<std::uint64_t> sys_getcpu(System&, const Arguments&);
Result<std::uint64_t> sys_personality(System&, const Arguments&);
Result<std::uint64_t> sys_exit(System&, const Arguments&);
Result<std::uint64_t> sys_exit_group(System&, const Arguments&);
Result<std::uint64_t> sys_wait4(System&, const Arguments&);
Result<std::uint64_t> sys_waitid(System&, const Arguments&);
Result<std::uint64_t> sys_fork(System&, const Arguments&);
Result<std::uint64_t> sys_vfork(System&, const Arguments&);
Result<std::uint64_t> sys_clone(System&, const Arguments&);
Result<std::uint64_t> sys_clone3(System&, const Arguments&);
Result<std::uint64_t> sys_execve(System&, const Arguments&);
Result<std::uint64_t> sys_execveat(System&, const Arguments&);
Result<std::uint64_t> sys_futex(System&, const Arguments&);
Result<std::uint64_t> sys_setpgid(System&, const Arguments&);
Result<std::uint64_t> sys_setsid(System&, const Arguments&);
Result<std::uint64_t> sys_prctl(System&, const Arguments&);

// --- signals
Result<std::uint64_t> sys_rt_sigaction(System&, const Arguments&);
Result<std::uint64_t> sys_rt_sigprocmask(System&, const Arguments&);
Result<std::uint64_t> sys_rt_sigpending(System&, const Arguments&);
Result<std::uint64_t> sys_rt_sigreturn(System&, const Arguments&);
Result<std::uint64_t> sys_sigaltstack(System&, const Arguments&);
Result<std::uint64_t> sys_kill(System&, const Arguments&);
Result<std::uint64_t> sys_tkill(System&, const Arguments&);
Result<std::uint64_t> sys_tgkill(System&, const Arguments&);
Result<std::uint64_t> sys_rt_sigqueueinfo(System&, const Arguments&);
Result<std::uint64_t> sys_rt_tgsigqueueinfo(System&, const Arguments&);
Result<std::uint64_t> sys_rt_sigtimedwait(System&, const Arguments&);
Result<std::uint64_t> sys_rt_sigsuspend(System&, const Arguments&);
Result<std::uint64_t> sys_pause(System&, const Arguments&);
Result<std::uint64_t> sys_alarm(System&, const Arguments&);
Result<std::uint64_t> sys_getitimer(System&, const Arguments&);
Result<std::uint64_t> sys_setitimer(System&, const Arguments&);

// --- time
Result<std::uint64_t> sys_clock_gettime(System&, const Arguments&);
Result<std::uint64_t> sys_clock_getres(System&, const Arguments&);
Result<std::uint64_t> sys_gettimeofday(System&, const Arguments&);
Result<std::uint64_t> sys_time(System&, const Arguments&);
Result<std::uint64_t> sys_nanosleep(System&, const Arguments&);
Result<std::uint64_t> sys_clock_nanosleep(System&, const Arguments&);

// --- timers, timers and signals as files, setting clocks
Result<std::uint64_t> sys_timer_create(System&, const Arguments&);
Result<std::uint64_t> sys_timer_settime(System&, const Arguments&);
Result<std::uint64_t> sys_timer_gettime(System&, const Arguments&);
Result<std::uint64_t> sys_timer_getoverrun(System&, const Arguments&);
Result<std::uint64_t> sys_timer_delete(System&, const Arguments&);
Result<std::uint64_t> sys_timerfd_create(System&, const Arguments&);
Result<std::uint64_t> sys_timerfd_settime(System&, const Arguments&);
Result<std::uint64_t> sys_timerfd_gettime(System&, const Arguments&);
Result<std::uint64_t> sys_signalfd(System&, const Arguments&);
Result<std::uint64_t> sys_signalfd4(System&, const Arguments&);
Result<std::uint64_t> sys_clock_settime(System&, const Arguments&);
Result<std::uint64_t> sys_settimeofday(System&, const Arguments&);
Result<std::uint64_t> sys_adjtimex(System&, const Arguments&);
Result<std::uint64_t> sys_clock_adjtime(System&, const Arguments&);
Result<std::uint64_t> sys_times(System&, const Arguments&);

// --- pipes and polling
Result<std::uint64_t> sys_pipe(System&, const Arguments&);
Result<std::uint64_t> sys_pipe2(System&, const Arguments&);
Result<std::uint64_t> sys_eventfd(System&, const Arguments&);
Result<std::uint64_t> sys_eventfd2(System&, const Arguments&);
Result<std::uint64_t> sys_poll(System&, const Arguments&);
Result<std::uint64_t> sys_ppoll(System&, const Arguments&);
Result<std::uint64_t> sys_select(System&, const Arguments&);
Result<std::uint64_t> sys_pselect6(System&, const Arguments&);
Result<std::uint64_t> sys_splice(System&, const Arguments&);
Result<std::uint64_t> sys_tee(System&, const Arguments&);
Result<std::uint64_t> sys_vmsplice(System&, const Arguments&);
// Two free numbers, which go to the program before the files are theirs. EMFILE, EFAULT.
Result<std::array<std::uint32_t, 2>> write_free_pair(System& system, std::uint64_t address);

// --- epoll
Result<std::uint64_t> sys_epoll_create(System&, const Arguments&);
Result<std::uint64_t> sys_epoll_create1(System&, const Arguments&);
Result<std::uint64_t> sys_epoll_ctl(System&, const Arguments&);
Result<std::uint64_t> sys_epoll_wait(System&, const Arguments&);
Result<std::uint64_t> sys_epoll_pwait(System&, const Arguments&);
Result<std::uint64_t> sys_epoll_pwait2(System&, const Arguments&);

// --- sockets
Result<std::uint64_t> sys_socket(System&, const Arguments&);
Result<std::uint64_t> sys_socketpair(System&, const Arguments&);
Result<std::uint64_t> sys_bind(System&, const Arguments&);
Result<std::uint64_t> sys_listen(System&, const Arguments&);
Result<std::uint64_t> sys_accept(System&, const Arguments&);
Result<std::uint64_t> sys_accept4(System&, const Arguments&);
Result<std::uint64_t> sys_connect(System&, const Arguments&);
Result<std::uint64_t> sys_getsockname(System&, const Arguments&);
Result<std::uint64_t> sys_getpeername(System&, const Arguments&);
Result<std::uint64_t> sys_shutdown(System&, const Arguments&);
Result<std::uint64_t> sys_getsockopt(System&, const Arguments&);
Result<std::uint64_t> sys_setsockopt(System&, const Arguments&);
Result<std::uint64_t> sys_sendto(System&, const Arguments&);
Result<std::uint64_t> sys_recvfrom(System&, const Arguments&);
Result<std::uint64_t> sys_sendmsg(System&, const Arguments&);
Result<std::uint64_t> sys_recvmsg(System&, const Arguments&);
Result<std::uint64_t> sys_sendmmsg(System&, const Arguments&);
Result<std::uint64_t> sys_recvmmsg(System&, const Arguments&);

// --- credentials
Result<std::uint64_t> sys_geteuid(System&, const Arguments&);
Result<std::uint64_t> sys_getegid(System&, const Arguments&);
Result<std::uint64_t> sys_getresuid(System&, const Arguments&);
Result<std::uint64_t> sys_getresgid(System&, const Arguments&);
Result<std::uint64_t> sys_setuid(System&, const Arguments&);
Result<std::uint64_t> sys_setgid(System&, const Arguments&);
Result<std::uint64_t> sys_setreuid(System&, const Arguments&);
Result<std::uint64_t> sys_setregid(System&, const Arguments&);
Result<std::uint64_t> sys_setresuid(System&, const Arguments&);
Result<std::uint64_t> sys_setresgid(System&, const Arguments&);
Result<std::uint64_t> sys_setfsuid(System&, const Arguments&);
Result<std::uint64_t> sys_setfsgid(System&, const Arguments&);
Result<std::uint64_t> sys_getgroups(System&, const Arguments&);
Result<std::uint64_t> sys_setgroups(System&, const Arguments&);

// --- scheduling
Result<std::uint64_t> sys_sched_setscheduler(System&, const Arguments&);
Result<std::uint64_t> sys_sched_getscheduler(System&, const Arguments&);
Result<std::uint64_t> sys_sched_setparam(System&, const Arguments&);
Result<std::uint64_t> sys_sched_getparam(System&, const Arguments&);
Result<std::uint64_t> sys_sched_setattr(System&, const Arguments&);
Result<std::uint64_t> sys_sched_getattr(System&, const Arguments&);
Result<std::uint64_t> sys_sched_get_priority_max(System&, const Arguments&);
Result<std::uint64_t> sys_sched_get_priority_min(System&, const Arguments&);
Result<std::uint64_t> sys_sched_rr_get_interval(System&, const Arguments&);
Result<std::uint64_t> sys_sched_setaffinity(System&, const Arguments&);

// --- priority
Result<std::uint64_t> sys_getpriority(System&, const Arguments&);
Result<std::uint64_t> sys_setpriority(System&, const Arguments&);
Result<std::uint64_t> sys_ioprio_get(System&, const Arguments&);
Result<std::uint64_t> sys_ioprio_set(System&, const Arguments&);

// --- processes by descriptor
Result<std::uint64_t> sys_pidfd_open(System&, const Arguments&);
Result<std::uint64_t> sys_pidfd_send_signal(System&, const Arguments&);
Result<std::uint64_t> sys_pidfd_getfd(System&, const Arguments&);

// --- administration
Result<std::uint64_t> sys_sethostname(System&, const Arguments&);
Result<std::uint64_t> sys_setdomainname(System&, const Arguments&);
Result<std::uint64_t> sys_syslog(System&, const Arguments&);
Result<std::uint64_t> sys_reboot(System&, const Arguments&);
Result<std::uint64_t> sys_swapon(System&, const Arguments&);
Result<std::uint64_t> sys_swapoff(System&, const Arguments&);
Result<std::uint64_t> sys_quotactl(System&, const Arguments&);
Result<std::uint64_t> sys_acct(System&, const Arguments&);
Result<std::uint64_t> sys_vhangup(System&, const Arguments&);
Result<std::uint64_t> sys_no_ports(System&, const Arguments&);
Result<std::uint64_t> sys_unshare(System&, const Arguments&);
Result<std::uint64_t> sys_get_robust_list(System&, const Arguments&);

}  // namespace fl::kernel
