#include "kernel_support.hpp"
#include "strace_support.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <memory>

using namespace fl;
using namespace fl::kernel;
using strace::end_line;
using strace::signal_line;
using test::negative;
using test::TestSystem;
using test::Traced;

namespace {

constexpr std::uint64_t data = TestSystem::data;

std::string quoted_text(const std::string& text) { return strace::quoted(std::as_bytes(std::span(text))); }

}  // namespace

TEST_CASE("strings are quoted as strace does it") {
    CHECK(quoted_text("") == "\"\"");
    CHECK(quoted_text("a\"b\\c\n\t") == R"("a\"b\\c\n\t")");
    CHECK(quoted_text(std::string("\0", 1)) == R"("\0")");
    CHECK(quoted_text(std::string("\0"
                                  "7",
                                  2)) == R"("\0007")");
    CHECK(quoted_text("\x7f\xff"
                      "8") == R"("\177\3778")");
    CHECK(quoted_text(std::string(32, 'x')) == "\"" + std::string(32, 'x') + "\"");
    CHECK(quoted_text(std::string(33, 'x')) == "\"" + std::string(32, 'x') + "\"...");
}

TEST_CASE("memory calls") {
    Traced t;
    CHECK(t.line(SYS_mmap, {0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, negative(-1), 0}) ==
          "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7ffd000");
    CHECK(t.line(SYS_mmap, {data, 4096, PROT_NONE, MAP_SHARED | MAP_FIXED, 7, 0x1000}) ==
          "mmap(0x100000, 4096, PROT_NONE, MAP_SHARED|MAP_FIXED, 7, 0x1000) = -1 EBADF (Bad file descriptor)");
    CHECK(t.line(SYS_munmap, {data, 4096}) == "munmap(0x100000, 4096) = 0");
    CHECK(t.line(SYS_mprotect, {data + 4096, 4096, PROT_READ}) == "mprotect(0x101000, 4096, PROT_READ) = 0");
    CHECK(t.line(SYS_madvise, {data + 4096, 4096, MADV_DONTNEED}) == "madvise(0x101000, 4096, MADV_DONTNEED) = 0");
    CHECK(t.line(SYS_brk, {0}) == "brk(NULL) = 0");
}

TEST_CASE("input and output") {
    Traced t;
    t.system.put_text(data, "hello\n");
    CHECK(t.line(SYS_write, {1, data, 6}) == R"(write(1, "hello\n", 6) = 6)");
    CHECK(t.line(SYS_write, {1, TestSystem::nowhere, 6}) == "write(1, 0x300000, 6) = -1 EFAULT (Bad address)");
    const test::HostPipe input;
    input.put("abc");
    t.system.task().files = std::make_shared<FileTable>(FileTable({input.read_end()}));
    CHECK(t.line(SYS_read, {0, data, 100}) == R"(read(0, "abc", 100) = 3)");
    CHECK(t.line(SYS_read, {9, data, 100}) == "read(9, 0x100000, 100) = -1 EBADF (Bad file descriptor)");
    t.system.put(data + 64, std::array<std::uint64_t, 4>{data, 1, data, 2});
    CHECK(t.line(SYS_writev, {9, data + 64, 2}) ==
          R"(writev(9, [{iov_base="a", iov_len=1}, {iov_base="ab", iov_len=2}], 2) = -1 EBADF (Bad file descriptor))");
    CHECK(t.line(SYS_ioctl, {0, 0x5401, data}) ==
          "ioctl(0, TCGETS, 0x100000) = -1 ENOTTY (Inappropriate ioctl for device)");
}

TEST_CASE("calls that are not implemented are named") {
    Traced t;
    CHECK(t.line(SYS_execve, {data, 0, 0}) == R"(execve("", NULL, NULL) = -1 ENOENT (No such file or directory))");
    CHECK(t.line(SYS_io_uring_setup, {7}) ==
          "io_uring_setup(0x7, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)");
    CHECK(t.line(9999) == "syscall_0x270f(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)");
}

TEST_CASE("sockets and epoll") {
    Traced t;
    CHECK(t.line(SYS_socket, {1, 0x80002, 0}) == "socket(AF_UNIX, SOCK_DGRAM|SOCK_CLOEXEC, 0) = 2");
    t.system.put(data, std::uint16_t{1});
    t.system.put_text(data + 2, std::string(1, '\0') + "name");
    CHECK(t.line(SYS_bind, {2, data, 7}) == R"(bind(2, {sa_family=AF_UNIX, sun_path=@"name"}, 7) = 0)");
    t.system.put_text(data + 32, "hello");
    CHECK(t.line(SYS_sendto, {2, data + 32, 5, 0x40, data, 7}) ==
          R"(sendto(2, "hello", 5, MSG_DONTWAIT, {sa_family=AF_UNIX, sun_path=@"name"}, 7) = 5)");
    CHECK(t.line(SYS_recvfrom, {2, data + 64, 9, 0, 0, 0}) == R"(recvfrom(2, "hello", 9, 0, NULL, NULL) = 5)");
    CHECK(t.line(SYS_shutdown, {2, 1}) == "shutdown(2, SHUT_WR) = 0");
    CHECK(t.line(SYS_epoll_create1, {0x80000}) == "epoll_create1(EPOLL_CLOEXEC) = 3");
    t.system.put(data, std::uint32_t{0x8000'0001});
    t.system.put(data + 4, std::uint64_t{5});
    CHECK(t.line(SYS_epoll_ctl, {3, 1, 2, data}) ==
          "epoll_ctl(3, EPOLL_CTL_ADD, 2, {events=EPOLLIN|EPOLLET, data={u32=5, u64=5}}) = 0");
    CHECK(t.line(SYS_epoll_ctl, {3, 2, 2, 0}) == "epoll_ctl(3, EPOLL_CTL_DEL, 2, NULL) = 0");
    CHECK(t.line(SYS_epoll_wait, {3, data, 4, 0}) == "epoll_wait(3, [], 4, 0) = 0");
    CHECK(t.line(SYS_pipe2, {data, 04000}) == "pipe2([4, 5], O_NONBLOCK) = 0");
    CHECK(t.line(SYS_splice, {4, 0, 5, 0, 8, 2}) ==
          "splice(4, NULL, 5, NULL, 8, SPLICE_F_NONBLOCK) = -1 EINVAL (Invalid argument)");
}

TEST_CASE("files") {
    Traced t;
    const std::string name = "/proc/2/task/2/../../" + std::string(40, 'x');
    t.system.put_text(data, name);
    CHECK(t.line(SYS_openat, {negative(AT_FDCWD), data, O_WRONLY | O_APPEND, 0777}) ==
          "openat(AT_FDCWD, \"" + name + "\", O_WRONLY|O_APPEND) = -1 ENOENT (No such file or directory)");
    CHECK(t.line(SYS_open, {TestSystem::nowhere, O_RDONLY | O_CREAT, 0640}) ==
          "open(0x300000, O_RDONLY|O_CREAT, 0640) = -1 EFAULT (Bad address)");
    t.system.put_text(data, "/proc");
    CHECK(t.line(SYS_open, {data, O_RDONLY | O_DIRECTORY}) == R"(open("/proc", O_RDONLY|O_DIRECTORY) = 2)");
    CHECK(t.line(SYS_fcntl, {2, F_GETFL}) == "fcntl(2, F_GETFL) = 0x18000 (flags O_RDONLY|O_LARGEFILE|O_DIRECTORY)");
    CHECK(t.line(SYS_fcntl, {2, F_SETFD, 1}) == "fcntl(2, F_SETFD, FD_CLOEXEC) = 0");
    CHECK(t.line(SYS_access, {data, 5}) == R"(access("/proc", R_OK|X_OK) = 0)");
    CHECK(t.line(SYS_umask, {077}) == "umask(077) = 022");
    CHECK(t.line(SYS_pread64, {9, data, 5, negative(-2)}) ==
          "pread64(9, 0x100000, 5, -2) = -1 EINVAL (Invalid argument)");
}

TEST_CASE("processes, limits, clocks") {
    Traced t;
    CHECK(t.line(SYS_getpid) == "getpid() = 2");
    CHECK(t.line(SYS_prlimit64, {0, RLIMIT_STACK, 0, data}) ==
          "prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0");
    CHECK(t.line(SYS_arch_prctl, {0x1002, 0x1234}) == "arch_prctl(ARCH_SET_FS, 0x1234) = 0");
    t.system.clock().sleep_ns(1'000'000'002);
    CHECK(t.line(SYS_clock_gettime, {1, data}) == "clock_gettime(CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=2}) = 0");
    CHECK(t.line(SYS_clock_gettime, {1, TestSystem::nowhere}) ==
          "clock_gettime(CLOCK_MONOTONIC, 0x300000) = -1 EFAULT (Bad address)");
}

TEST_CASE("signals") {
    Traced t;
    t.system.put(data, SignalAction{0x1234, 0x0400'0004, 0x5678, SignalSet::of(SIGHUP).bits()});
    CHECK(t.line(SYS_rt_sigaction, {SIGSEGV, data, 0, 8}) ==
          "rt_sigaction(SIGSEGV, {sa_handler=0x1234, sa_mask=[HUP], sa_flags=SA_RESTORER|SA_SIGINFO, "
          "sa_restorer=0x5678}, NULL, 8) = 0");
    t.system.put(data, ~std::uint64_t{0});
    CHECK(t.line(SYS_rt_sigprocmask, {SIG_SETMASK, data, 0, 8}) == "rt_sigprocmask(SIG_SETMASK, ~[], NULL, 8) = 0");
    CHECK(t.line(SYS_rt_sigprocmask, {SIG_SETMASK, 0, data, 8}) ==
          "rt_sigprocmask(SIG_SETMASK, NULL, ~[KILL STOP], 8) = 0");
    t.system.put(data, SignalSet::of(32).bits() | SignalSet::of(33).bits());
    CHECK(t.line(SYS_rt_sigprocmask, {SIG_UNBLOCK, data, 0, 8}) ==
          "rt_sigprocmask(SIG_UNBLOCK, [RTMIN RT_1], NULL, 8) = 0");
    CHECK(t.line(SYS_tgkill, {2, 2, SIGUSR1}) == "tgkill(2, 2, SIGUSR1) = 0");
    CHECK(signal_line(SignalInfo{SIGSEGV, SEGV_MAPERR, SignalInfo::Detail::address}) ==
          "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---");
    CHECK(signal_line(SignalInfo{SIGTRAP, si_code_kernel, SignalInfo::Detail::address}) ==
          "--- SIGTRAP {si_signo=SIGTRAP, si_code=SI_KERNEL, si_addr=NULL} ---");
    CHECK(signal_line(SignalInfo{SIGUSR1, si_code_tkill, SignalInfo::Detail::sender, 1, 0}) ==
          "--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_TKILL, si_pid=1, si_uid=0} ---");
}

TEST_CASE("the end of a program") {
    Traced t;
    CHECK(t.line(SYS_exit_group, {3}) == "exit_group(3) = ?");
    CHECK(end_line(ExitStatus{3, 0, false}) == "+++ exited with 3 +++");
    CHECK(end_line(ExitStatus{139, SIGSEGV, false}) == "+++ killed by SIGSEGV +++");
}

TEST_CASE("watching changes nothing: no fault, no page") {
    Traced t;
    const auto used = t.system.memory().used_page_count();
    const auto faults = t.system.faults().counters().total();
    // The buffer was never touched; the call fails before it looks at it.
    CHECK(t.line(SYS_write, {9, data, 3}) == R"(write(9, "\0\0\0", 3) = -1 EBADF (Bad file descriptor))");
    CHECK(t.system.memory().used_page_count() == used);
    CHECK(t.system.faults().counters().total() == faults);
}

TEST_CASE("links, rights, times and file systems") {
    Traced t;
    t.system.put_text(data, "/tmp/a");
    t.system.put_text(data + 100, "/tmp/b");
    const std::uint64_t a = data, b = data + 100, times = data + 200, here = negative(AT_FDCWD);
    CHECK(t.line(SYS_mknod, {a, S_IFREG | 0644, 0}) == R"(mknod("/tmp/a", S_IFREG|0644) = 0)");
    CHECK(t.line(SYS_mknod, {b, S_IFCHR | 0600, 0x103}) ==
          R"(mknod("/tmp/b", S_IFCHR|0600, makedev(0x1, 0x3)) = -1 EPERM (Operation not permitted))");
    CHECK(t.line(SYS_linkat, {here, a, here, b, AT_SYMLINK_FOLLOW}) ==
          R"(linkat(AT_FDCWD, "/tmp/a", AT_FDCWD, "/tmp/b", AT_SYMLINK_FOLLOW) = 0)");
    CHECK(t.line(SYS_chmod, {a, 04755}) == R"(chmod("/tmp/a", 04755) = 0)");
    CHECK(t.line(SYS_chown, {a, 1, negative(-1)}) == R"(chown("/tmp/a", 1, -1) = 0)");
    t.system.put(times, std::array{timespec{1, 2}, timespec{3, UTIME_OMIT}});
    CHECK(
        t.line(SYS_utimensat, {here, a, times, 0}) ==
        R"(utimensat(AT_FDCWD, "/tmp/a", [{tv_sec=1, tv_nsec=2} /* 1970-01-01T00:00:01.000000002+0000 */, UTIME_OMIT], 0) = 0)");
    CHECK(t.line(SYS_utimensat, {here, a, 0, 0}) == R"(utimensat(AT_FDCWD, "/tmp/a", NULL, 0) = 0)");
    CHECK(t.line(SYS_flock, {9, 6}) == "flock(9, LOCK_EX|LOCK_NB) = -1 EBADF (Bad file descriptor)");
    CHECK(t.line(SYS_fadvise64, {9, 0, 1, 3}) ==
          "fadvise64(9, 0, 1, POSIX_FADV_WILLNEED) = -1 EBADF (Bad file descriptor)");
    CHECK(t.line(SYS_close_range, {5, 9, 4}) == "close_range(5, 9, CLOSE_RANGE_CLOEXEC) = 0");
    CHECK(t.line(SYS_close_range, {5, 0xffff'ffff, 0}) == "close_range(5, 4294967295, 0) = 0");
    t.system.put(times, std::uint64_t{5});
    CHECK(t.line(SYS_copy_file_range, {8, times, 9, 0, 10, 0}) ==
          "copy_file_range(8, [5], 9, NULL, 10, 0) = -1 EBADF (Bad file descriptor)");
    t.system.put_text(b, "user.x");
    CHECK(t.line(SYS_setxattr, {a, b, times, 1, 1}) ==
          R"(setxattr("/tmp/a", "user.x", "\5", 1, XATTR_CREATE) = -1 EOPNOTSUPP (Operation not supported))");
    t.system.put_text(a, "/proc");
    const std::string status = t.line(SYS_statfs, {a, times});
    CHECK(status.starts_with(R"(statfs("/proc", {f_type=PROC_SUPER_MAGIC, f_bsize=4096, f_blocks=0, )"));
    CHECK(status.ends_with("f_namelen=255, f_frsize=4096, f_flags=ST_VALID|ST_RELATIME}) = 0"));
}
