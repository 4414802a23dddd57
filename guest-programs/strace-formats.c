// strace-formats: calls that fail, or that change nothing, with arguments of every kind: what is printed of them is the
// same under strace and --strace, whether or not the kernel has them.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define CALL(...) ((void)syscall(__VA_ARGS__))

static void* const nowhere = (void*)0xdead0000;
static char bytes[4096];

static void waiting(void) {
    int ends[2];
    CALL(SYS_pipe2, ends, O_NONBLOCK | O_CLOEXEC);
    CALL(SYS_pipe2, nowhere, 0);
    struct pollfd set[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT | POLLPRI | POLLRDHUP, 0}};
    CALL(SYS_poll, set, 2, 0);
    CALL(SYS_poll, set, 1, 0);
    CALL(SYS_poll, nowhere, 1, -1);
    CALL(SYS_poll, NULL, 0, 1);
    struct timespec ts = {0, 1000};
    uint64_t mask = 1 << (SIGUSR1 - 1);
    set[0].fd = -1;
    CALL(SYS_ppoll, set, 1, &ts, &mask, 8);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    struct timeval tv = {0, 1000};
    CALL(SYS_select, 10, &in, &out, NULL, NULL);
    FD_SET(ends[0], &in);
    FD_ZERO(&out);
    CALL(SYS_select, 10, &in, &out, NULL, &tv);
    CALL(SYS_select, -1, NULL, NULL, NULL, nowhere);
    CALL(SYS_select, 5, nowhere, NULL, NULL, NULL);
    struct {
        void* set;
        size_t size;
    } masks = {&mask, 8};
    FD_SET(50, &in);
    CALL(SYS_pselect6, 100, &in, NULL, NULL, &ts, &masks);
}

static void descriptors(void) {
    int fd = (int)syscall(SYS_memfd_create, "verylongname012345678901234567890123456789", 3);
    CALL(SYS_fcntl, fd, F_GETFD);
    CALL(SYS_fcntl, fd, F_SETFD, 0);
    CALL(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK);
    CALL(SYS_fcntl, fd, F_GET_SEALS);
    CALL(SYS_fcntl, fd, F_SETFL, O_NONBLOCK);
    CALL(SYS_fcntl, fd, F_GETFL);
    CALL(SYS_fcntl, 99, F_DUPFD_CLOEXEC, 5);
    CALL(SYS_fcntl, 99, 77, 3);
    CALL(SYS_lseek, fd, -5L, 9);
    CALL(SYS_ftruncate, fd, 10);
    CALL(SYS_fallocate, 99, 3, 0, 5);
    CALL(SYS_fadvise64, 99, 1, 2, 3);
    struct iovec two[2] = {{"abc", 3}, {"de\001\0019", 5}};
    CALL(SYS_pwritev, 99, two, 2, 7);
    CALL(SYS_readv, 99, two, 2);
    CALL(SYS_preadv2, 99, two, 2, 0, 0, 9);
    CALL(SYS_writev, 99, nowhere, 1);
    CALL(SYS_write, 99,
         "\001"
         "8 \1779\377\t\"\\",
         9);
    CALL(SYS_sendfile, 99, 99, NULL, 5);
    CALL(SYS_close_range, 100, ~0U, 6);
    CALL(SYS_dup3, 99, 10, O_CLOEXEC);
    CALL(SYS_getdents64, 99, bytes, 4096);
    CALL(SYS_flock, 99, 6);
    CALL(SYS_ioctl, 99, 0x12345678, bytes);
    CALL(SYS_ioctl, 99, 0x5451);
    CALL(SYS_ioctl, 99, 0x5413, bytes);
    CALL(SYS_eventfd2, 5, 1 | O_NONBLOCK | O_CLOEXEC);
    CALL(SYS_close, fd);
}

static void paths(void) {
    struct stat status;
    CALL(SYS_stat, "/dev/null", &status);
    CALL(SYS_newfstatat, 99, nowhere, &status, AT_SYMLINK_NOFOLLOW);
    CALL(SYS_statx, -1, "x", 0x2000, 0xfff, NULL);
    CALL(SYS_statx, AT_FDCWD, "/none", 0x4100, 0x202, bytes);
    CALL(SYS_open, "/none/x", O_WRONLY | O_SYNC | O_NOFOLLOW | O_PATH | O_CREAT, 0640);
    CALL(SYS_open, "/none", 3);
    CALL(SYS_getcwd, bytes, 1);
    CALL(SYS_readlink, "/", bytes, 300);
    CALL(SYS_access, "/", R_OK | X_OK);
    CALL(SYS_faccessat2, AT_FDCWD, "/", 4, AT_EACCESS);
    CALL(SYS_umask, 0);
    CALL(SYS_umask, 022);
    CALL(SYS_chmod, "/none", 04755);
    CALL(SYS_fchownat, 99, "none", -1, 5, 0x1100);
    CALL(SYS_mknod, "/none/x", S_IFCHR | 0600, 0x103);
    CALL(SYS_mknod, "/none/x", 0600, 0);
    struct timeval tv[2] = {{1, 2}, {0, 0}};
    CALL(SYS_utimes, "/none", tv);
    struct timespec ts[2] = {{1, 2}, {0, UTIME_OMIT}};
    CALL(SYS_utimensat, 99, "none", ts, 0x100);
    CALL(SYS_mount, "none", "/none", "tmpfs", 3, "size=1");
    CALL(SYS_umount2, "/none", 2);
    CALL(SYS_renameat2, 99, "a", 99, "b", 3);
    CALL(SYS_linkat, 99, "a", 99, "b", 0x400);
    CALL(SYS_unlinkat, 99, "a", 0x200);
    CALL(SYS_setxattr, "/none", "user.a", "value\1", 6, 1);
}

static void memory(void) {
    CALL(SYS_mmap, NULL, 4096, PROT_READ | PROT_GROWSDOWN, 0x22 | 0x8000, 5, 4096);
    CALL(SYS_mmap, 0x1000, 0, 7, 3, 5, 0);
    CALL(SYS_mremap, 0x1000, 4096, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, 0x2001);
    CALL(SYS_msync, NULL, 0, 7);
    CALL(SYS_mlockall, 9);
    CALL(SYS_madvise, NULL, 4096, 55);
    struct iovec two[2] = {{bytes, 4}, {bytes, 3}};
    CALL(SYS_process_vm_readv, getpid(), two, 1, two + 1, 1, 5);
}

static void tasks(void) {
    int word = 0;
    struct timespec none = {0, 1000};
    CALL(SYS_futex, &word, 128, 1, NULL);
    CALL(SYS_futex, &word, 0, 0, &none);
    CALL(SYS_futex, &word, 1, 1);
    CALL(SYS_futex, &word, 4, 1, 2, bytes, 5);
    CALL(SYS_futex, &word, 9 | 256, 1, &none, NULL, 5);
    CALL(SYS_clone, CLONE_THREAD | CLONE_SETTLS, 0x1234, NULL, NULL, 0x77);
    uint64_t clone3[11] = {CLONE_VM | CLONE_CHILD_SETTID, 0, (uintptr_t)bytes, 0, SIGCHLD, 0x1000};
    CALL(SYS_clone3, clone3, 88);
    CALL(SYS_clone3, nowhere, 88);
    CALL(SYS_wait4, -1, bytes, WNOHANG | WUNTRACED, NULL);
    CALL(SYS_waitid, P_ALL, 0, bytes, WEXITED | WNOHANG, NULL);
    CALL(SYS_waitid, 9, 0, NULL, 0, NULL);
    char* words[40];
    for (int i = 0; i < 39; ++i) words[i] = "x";
    words[39] = NULL;
    words[3] = "verylongname012345678901234567890123456789";
    CALL(SYS_execve, "/none", words, words);
    words[2] = NULL;
    CALL(SYS_execve, "/none", words, NULL);
    CALL(SYS_execve, "/none", nowhere, nowhere);
    struct rlimit limit = {20000, RLIM_INFINITY};
    CALL(SYS_prlimit64, 0, 99, &limit, NULL);
    CALL(SYS_prlimit64, 0, RLIMIT_CORE, nowhere, NULL);
    CALL(SYS_getrusage, 5, bytes);
    CALL(SYS_uname, bytes);
    CALL(SYS_prctl, PR_SET_NAME, "verylongnameindeedyes");
    CALL(SYS_prctl, PR_GET_NAME, bytes);
    CALL(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
    CALL(SYS_prctl, PR_GET_CHILD_SUBREAPER, &word, 0, 0, 0);
    CALL(SYS_prctl, 9999, 1, 2, 3, 4);
    CALL(SYS_arch_prctl, 0x1001, 0);
    CALL(SYS_arch_prctl, 0x1004, bytes);
    CALL(SYS_personality, -1);
    uint32_t header[2] = {0x19, 0};
    CALL(SYS_capget, header, bytes);
    CALL(SYS_getrandom, bytes, 40, 64);
}

static void signals(void) {
    struct {
        uint64_t handler, flags, restorer, mask;
    } action = {0x1234, 0x10000004, 0, ~UINT64_C(0)};
    CALL(SYS_rt_sigaction, SIGUSR1, NULL, &action, 8);
    CALL(SYS_rt_sigaction, 99, &action, NULL, 8);
    CALL(SYS_rt_sigaction, SIGUSR1, nowhere, NULL, 8);
    uint64_t set = 1 << (SIGUSR1 - 1) | 1 << (SIGCHLD - 1) | UINT64_C(3) << 31;
    struct timespec soon = {0, 1000};
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, &set, bytes, 8);
    CALL(SYS_rt_sigprocmask, 77, &set, NULL, 8);
    CALL(SYS_rt_sigtimedwait, &set, bytes, &soon, 8);
    CALL(SYS_tgkill, getpid(), getpid(), SIGUSR1);
    CALL(SYS_rt_sigpending, bytes, 8);
    CALL(SYS_rt_sigtimedwait, &set, bytes, &soon, 8);
    CALL(SYS_kill, getpid(), SIGWINCH);
    uint64_t stack[3] = {0x1000, 2, 100};
    CALL(SYS_sigaltstack, stack, NULL);
    CALL(SYS_sigaltstack, NULL, bytes);
    CALL(SYS_kill, 99999999, 0);
    CALL(SYS_tkill, 99999999, 33);
    CALL(SYS_rt_sigqueueinfo, 99999999, 40, nowhere);
}

static void times(void) {
    CALL(SYS_clock_gettime, 77, bytes);
    CALL(SYS_clock_getres, CLOCK_MONOTONIC, NULL);
    struct timespec soon = {0, 1000};
    CALL(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &soon, NULL);
    CALL(SYS_nanosleep, &soon, bytes);
    CALL(SYS_nanosleep, nowhere, NULL);
    struct itimerval timer = {{0, 0}, {0, 0}};
    CALL(SYS_setitimer, ITIMER_REAL, &timer, bytes);
    CALL(SYS_getitimer, 9, bytes);
    CALL(SYS_gettimeofday, nowhere, NULL);
    CALL(SYS_getcpu, bytes, bytes + 4, NULL);
    CALL(SYS_alarm, 0);
}

int main(void) {
    waiting();
    descriptors();
    paths();
    memory();
    tasks();
    signals();
    times();
    say("done");
    return 0;
}
