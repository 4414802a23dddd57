// How --strace prints the arguments of calls, by subject. What real programs call is compared with strace itself, line
// by line (tests/strace); here is what they seldom do, and calls that are not implemented.
#include "strace_support.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <ctime>
#include <vector>

using namespace fl;
using namespace fl::kernel;
using test::negative;
using test::TestSystem;
using test::Traced;

namespace {

constexpr std::uint64_t data = TestSystem::data, more = data + 0x400, nowhere = TestSystem::nowhere;

// The line without its answer.
std::string call_text(const std::string& line) { return line.substr(0, line.rfind(" = ")); }

}  // namespace

TEST_CASE("answers stand in column 40, or one space behind the call") {
    Traced t;
    CHECK(t.exact_line(SYS_getpid) == "getpid()                                = 2");
    t.system.put_text(data, "12345678901234");
    CHECK(t.exact_line(SYS_access, {data, 0}) ==
          "access(\"12345678901234\", F_OK)          = -1 ENOENT (No such file or directory)");
    t.system.put_text(data, "123456789012345678901");
    CHECK(t.exact_line(SYS_access, {data, 0}) ==
          "access(\"123456789012345678901\", F_OK)   = -1 ENOENT (No such file or directory)");
    t.system.put_text(data, "123456789012345678901234");
    CHECK(t.exact_line(SYS_access, {data, 0}) ==
          "access(\"123456789012345678901234\", F_OK) = -1 ENOENT (No such file or directory)");
}

TEST_CASE("poll and select tell which descriptors have an answer") {
    Traced t;
    t.pipe.put("x");
    t.system.put(data, std::array{pollfd{0, POLLIN, 0}, pollfd{-1, 0, 0}, pollfd{1, POLLPRI, 0}});
    CHECK(t.line(SYS_poll, {data, 3, 0}) ==
          "poll([{fd=0, events=POLLIN}, {fd=-1}, {fd=1, events=POLLPRI}], 3, 0) = 1 ([{fd=0, revents=POLLIN}])");
    CHECK(t.line(SYS_poll, {data + sizeof(pollfd), 1, 0}) == "poll([{fd=-1}], 1, 0) = 0 (Timeout)");
    CHECK(t.line(SYS_poll, {nowhere, 1, 0}) == "poll(0x300000, 1, 0) = -1 EFAULT (Bad address)");
    t.system.put(data, std::uint64_t{1});
    t.system.put(more, std::array<std::uint64_t, 2>{0, 0});
    CHECK(t.line(SYS_select, {2, data, 0, 0, more}) ==
          "select(2, [0], NULL, NULL, {tv_sec=0, tv_usec=0}) = 1 (in [0], left {tv_sec=0, tv_usec=0})");
    CHECK(t.line(SYS_select, {negative(-1), data, 0, 0, more}).starts_with("select(-1, [], NULL, NULL, {tv_sec="));
}

TEST_CASE("futex: arguments are those of the operation") {
    Traced t;
    t.system.put(data, std::uint32_t{5});
    CHECK(t.line(SYS_futex, {data, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 4, 0}) ==
          "futex(0x100000, FUTEX_WAIT_PRIVATE, 4, NULL) = -1 EAGAIN (Resource temporarily unavailable)");
    CHECK(t.line(SYS_futex, {data, FUTEX_WAKE, 0x7fff'ffff, nowhere}) == "futex(0x100000, FUTEX_WAKE, 2147483647) = 0");
    CHECK(call_text(t.line(SYS_futex, {data, FUTEX_CMP_REQUEUE, 1, 2, data + 4, 6})) ==
          "futex(0x100000, FUTEX_CMP_REQUEUE, 1, 2, 0x100004, 6)");
    CHECK(call_text(t.line(SYS_futex, {data, FUTEX_WAKE_BITSET, 1, 0, 0, 0xffff'ffff})) ==
          "futex(0x100000, FUTEX_WAKE_BITSET, 1, FUTEX_BITSET_MATCH_ANY)");
    CHECK(call_text(t.line(SYS_futex, {data, FUTEX_WAKE_OP, 1, 1, data + 4, 0x9400'1002})) ==
          "futex(0x100000, FUTEX_WAKE_OP, 1, 1, 0x100004, "
          "FUTEX_OP_OPARG_SHIFT<<28|FUTEX_OP_ADD<<28|0x1<<12|FUTEX_OP_CMP_GT<<24|0x2)");
    CHECK(call_text(t.line(SYS_futex, {data, 55, 1, 2, 3, 4})) ==
          "futex(0x100000, 0x37 /* FUTEX_??? */, 1, 0x2, 0x3, 0x4)");
}

TEST_CASE("socket addresses by family") {
    Traced t;
    CHECK(call_text(t.line(SYS_socket, {AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP})) ==
          "socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP)");
    CHECK(call_text(t.line(SYS_socket, {77, 9, 3})) == "socket(0x4d /* AF_??? */, 0x9 /* SOCK_??? */, 3)");
    const auto bind = [&t](const auto& address, std::uint64_t size_bytes) {
        t.system.put(data, address);
        return call_text(t.line(SYS_bind, {99, data, size_bytes}));
    };
    sockaddr_un local{AF_UNIX, "/tmp/x"};
    CHECK(bind(local, sizeof local) == R"(bind(99, {sa_family=AF_UNIX, sun_path="/tmp/x"}, 110))");
    CHECK(bind(local, 2) == "bind(99, {sa_family=AF_UNIX}, 2)");
    CHECK(bind(local, 1) == "bind(99, 0x100000, 1)");
    local.sun_path[0] = '\0';
    CHECK(bind(local, 8) == R"(bind(99, {sa_family=AF_UNIX, sun_path=@"tmp/x"}, 8))");
    sockaddr_in internet{};
    internet.sin_family = AF_INET;
    internet.sin_port = htons(80);
    internet.sin_addr.s_addr = htonl(0x7f00'0001);
    CHECK(bind(internet, sizeof internet) ==
          R"(bind(99, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16))");
    CHECK(bind(internet, 4) == R"(bind(99, {sa_family=AF_INET, sa_data="\0P"}, 4))");
    CHECK(call_text(t.line(SYS_bind, {99, nowhere, 16})) == "bind(99, 0x300000, 16)");
    CHECK(call_text(t.line(SYS_bind, {99, data, 0xffff'ffff})).starts_with("bind(99, {sa_family=AF_INET"));
}

TEST_CASE("messages with control data") {
    Traced t;
    struct {
        std::uint64_t length;
        std::int32_t level, type, fds[2];
    } rights = {24, SOL_SOCKET, SCM_RIGHTS, {5, 6}};
    msghdr header{};
    t.system.put(more, rights);
    header.msg_control = reinterpret_cast<void*>(more);
    header.msg_controllen = sizeof rights;
    t.system.put(data, header);
    CHECK(call_text(t.line(SYS_sendmsg, {99, data, MSG_NOSIGNAL})) ==
          "sendmsg(99, {msg_name=NULL, msg_namelen=0, msg_iov=NULL, msg_iovlen=0, msg_control=[{cmsg_len=24, "
          "cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5, 6]}], msg_controllen=24, msg_flags=0}, "
          "MSG_NOSIGNAL)");
    CHECK(call_text(t.line(SYS_recvmsg, {99, data, 0})) == "recvmsg(99, {msg_namelen=0}, 0)");
    // A header that leads nowhere further, and one that says it is longer than it can be.
    rights.length = 3;
    t.system.put(more, rights);
    CHECK(t.line(SYS_sendmsg, {99, data, 0}).find("cmsg_type=SCM_RIGHTS}, ... /* 0x100410 */]") != std::string::npos);
    rights.length = ~std::uint64_t{0};
    t.system.put(more, rights);
    header.msg_controllen = ~std::size_t{0};
    t.system.put(data, header);
    CHECK(t.line(SYS_sendmsg, {99, data, 0}).find("cmsg_len=18446744073709551615") != std::string::npos);
    CHECK(call_text(t.line(SYS_sendmsg, {99, nowhere, 0})) == "sendmsg(99, 0x300000, 0)");
}

TEST_CASE("epoll, timers and sets of signals for calls to come") {
    Traced t;
    struct [[gnu::packed]] {
        std::uint32_t events;
        std::uint64_t value;
    } event = {EPOLLOUT | EPOLLET, 0x5'0000'0007};
    t.system.put(data, event);
    CHECK(call_text(t.line(SYS_epoll_ctl, {5, EPOLL_CTL_ADD, 1, data})) ==
          "epoll_ctl(5, EPOLL_CTL_ADD, 1, {events=EPOLLOUT|EPOLLET, data={u32=7, u64=21474836487}})");
    CHECK(call_text(t.line(SYS_epoll_ctl, {5, EPOLL_CTL_DEL, 1, data})) == "epoll_ctl(5, EPOLL_CTL_DEL, 1, 0x100000)");
    t.system.put(data, std::array<std::uint64_t, 4>{1, 2, 3, 4});
    CHECK(call_text(t.line(SYS_timerfd_settime, {5, 1, data, 0})) ==
          "timerfd_settime(5, TFD_TIMER_ABSTIME, {it_interval={tv_sec=1, tv_nsec=2}, it_value={tv_sec=3, tv_nsec=4}}, "
          "NULL)");
    t.system.put(data, std::array<std::uint64_t, 3>{0x1234, (std::uint64_t{4} << 32) | SIGUSR1, 7});
    CHECK(call_text(t.line(SYS_timer_create, {CLOCK_MONOTONIC, data, more})) ==
          "timer_create(CLOCK_MONOTONIC, {sigev_value={sival_int=4660, sival_ptr=0x1234}, sigev_signo=SIGUSR1, "
          "sigev_notify=SIGEV_THREAD_ID, sigev_notify_thread_id=7}, 0x100400)");
    t.system.put(data, SignalSet::of(SIGUSR1).bits());
    CHECK(call_text(t.line(SYS_signalfd4, {negative(-1), data, 8, O_CLOEXEC})) ==
          "signalfd4(-1, [USR1], 8, SFD_CLOEXEC)");
}

TEST_CASE("System V IPC, limits of capabilities, scheduling") {
    Traced t;
    CHECK(call_text(t.line(SYS_shmget, {0, 4096, 01600})) == "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600)");
    CHECK(call_text(t.line(SYS_shmget, {0x1234, 4096, 0})) == "shmget(0x1234, 4096, 000)");
    t.system.put(data, std::array{sembuf{0, 1, 0}, sembuf{1, -1, IPC_NOWAIT | SEM_UNDO}});
    CHECK(call_text(t.line(SYS_semop, {3, data, 2})) ==
          "semop(3, [{sem_num=0, sem_op=1, sem_flg=0}, {sem_num=1, sem_op=-1, sem_flg=SEM_UNDO|IPC_NOWAIT}], 2)");
    CHECK(call_text(t.line(SYS_sched_setscheduler, {0, 77, nowhere})) ==
          "sched_setscheduler(0, 0x4d /* SCHED_??? */, 0x300000)");
    t.system.put(data, std::array<std::uint32_t, 2>{0x2008'0522, 0});
    t.system.put(more, std::array<std::uint32_t, 6>{3, 0x21, 0, 1, 0, 0});
    CHECK(call_text(t.line(SYS_capset, {data, more})) ==
          "capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=1<<CAP_CHOWN|1<<CAP_DAC_OVERRIDE|"
          "1<<CAP_MAC_OVERRIDE, permitted=1<<CAP_CHOWN|1<<CAP_KILL, inheritable=0})");
    CHECK(t.line(SYS_prctl, {1}) == "prctl(PR_SET_PDEATHSIG, 0) = 0");
    CHECK(call_text(t.line(SYS_prctl, {9999, 1, 2, 3, 4})) == "prctl(0x270f /* PR_??? */, 0x1, 0x2, 0x3, 0x4)");
}

TEST_CASE("clone and wait") {
    Traced t;
    CHECK(call_text(t.line(SYS_clone, {CLONE_THREAD | CLONE_SETTLS, 0x1234, 0, 0, 0x77})) ==
          "clone(child_stack=0x1234, flags=CLONE_THREAD|CLONE_SETTLS, tls=0x77)");
    t.system.put(data, std::array<std::uint64_t, 11>{CLONE_PARENT_SETTID | CLONE_THREAD, 0, 0, more, 0, 0x1000});
    CHECK(call_text(t.line(SYS_clone3, {data, 88})) ==
          "clone3({flags=CLONE_THREAD|CLONE_PARENT_SETTID, parent_tid=0x100400, exit_signal=0, stack=0x1000, "
          "stack_size=0}, 88)");
    CHECK(call_text(t.line(SYS_clone3, {data, 8})) == "clone3(0x100000, 8)");
    CHECK(call_text(t.line(SYS_clone3, {nowhere, 88})) == "clone3(0x300000, 88)");
    CHECK(t.line(SYS_wait4, {negative(-1), data, WNOHANG, 0}) ==
          "wait4(-1, 0x100000, WNOHANG, NULL) = -1 ECHILD (No child processes)");
}

TEST_CASE("ioctl names requests, and takes unknown ones apart") {
    Traced t;
    CHECK(call_text(t.line(SYS_ioctl, {9, 0x1234'5678, data})) ==
          "ioctl(9, _IOC(_IOC_NONE, 0x56, 0x78, 0x1234), 0x100000)");
    CHECK(call_text(t.line(SYS_ioctl, {9, 0x5451, data})) == "ioctl(9, FIOCLEX)");
    t.system.put(data, std::array<std::uint64_t, 5>{0x1000, 0x2000, 1, 0, 0});
    CHECK(call_text(t.line(SYS_ioctl, {9, 0xc020'aa00, data})) ==
          "ioctl(9, UFFDIO_REGISTER, {range={start=0x1000, len=0x2000}, mode=UFFDIO_REGISTER_MODE_MISSING})");
    CHECK(call_text(t.line(SYS_ioctl, {9, 0xc020'aa00, nowhere})) == "ioctl(9, UFFDIO_REGISTER, 0x300000)");
}

TEST_CASE("siginfo of every kind") {
    SignalInfo child{.number = SIGCHLD, .code = CLD_KILLED, .detail = SignalInfo::Detail::child, .pid = 7};
    child.status = SIGTERM;
    CHECK(strace::signal_line(child) ==
          "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=7, si_uid=0, si_status=SIGTERM, si_utime=0, "
          "si_stime=0} ---");
    SignalInfo queued{.number = 40, .code = SI_QUEUE, .detail = SignalInfo::Detail::value, .pid = 7};
    queued.value = 5;
    CHECK(strace::signal_line(queued) ==
          "--- SIGRT_8 {si_signo=SIGRT_8, si_code=SI_QUEUE, si_pid=7, si_uid=0, si_int=5, si_ptr=0x5} ---");
    CHECK(strace::signal_line({.number = SIGALRM, .code = si_code_kernel}) ==
          "--- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---");
}

TEST_CASE("a call that a signal ended is named as the kernel has it") {
    using enum strace::Restart;
    const Arguments plain{}, absolute{0, TIMER_ABSTIME};
    const RestartCall again{0}, without{0, RestartCall::Kind::without_handler};
    CHECK(strace::restart_of(SYS_read, plain, again) == sys);
    CHECK(strace::restart_of(SYS_nanosleep, plain, without) == block);
    CHECK(strace::restart_of(SYS_clock_nanosleep, absolute, without) == no_handler);
    CHECK(strace::restart_of(SYS_rt_sigsuspend, plain, without) == no_handler);
}

TEST_CASE("what hostile programs pass is read within bounds") {
    Traced t;
    const auto faults = t.system.faults().counters().total();
    const std::uint64_t huge = ~std::uint64_t{0}, last = TestSystem::data_end - 4;
    // Counts without end.
    CHECK(call_text(t.line(SYS_writev, {9, data, huge})).ends_with(", ...], 18446744073709551615)"));
    CHECK(call_text(t.line(SYS_poll, {data, huge, 0})).find(", ...], 4294967295, 0)") != std::string::npos);
    CHECK(call_text(t.line(SYS_setgroups, {0x7fff'ffff, data})).ends_with(", ...])"));
    CHECK(call_text(t.line(SYS_sched_setaffinity, {0, huge, data})).ends_with("[])"));
    CHECK(call_text(t.line(SYS_set_mempolicy, {2, data, huge})).find("MPOL_BIND, [0000000000000000") !=
          std::string::npos);
    // Structures and arrays that memory ends in the middle of.
    CHECK(call_text(t.line(SYS_rt_sigprocmask, {0, last, 0, 8})) == "rt_sigprocmask(SIG_BLOCK, 0x107ffc, NULL, 8)");
    CHECK(call_text(t.line(SYS_semop, {3, TestSystem::data_end - 8, 2})) ==
          "semop(3, [{sem_num=0, sem_op=0, sem_flg=0}, ... /* 0x107ffe */], 2)");
    // A string that never ends, and vectors of strings that lead anywhere.
    for (std::uint64_t at = data; at < data + 2 * page_size; ++at) t.system.put(at, 'x');
    CHECK(t.line(SYS_unlink, {data}).size() < 2 * page_size);
    CHECK(call_text(t.line(SYS_execve, {data + 2 * page_size - 1, data, data})).size() < 2 * page_size);
    CHECK(call_text(t.line(SYS_execve, {nowhere, nowhere, last})) == "execve(0x300000, 0x300000, 0x107ffc)");
    // Addresses at the ends of the address space.
    for (const std::uint64_t address : {huge, huge - 7, TestSystem::kernel_half, std::uint64_t{0x7fff'ffff'fffc}}) {
        const std::string text = fmt::format("{:#x}", address);
        CHECK(call_text(t.line(SYS_utimensat, {0, 0, address, 0})) == "utimensat(0, NULL, " + text + ", 0)");
        CHECK(call_text(t.line(SYS_sendmsg, {9, address, 0})) == "sendmsg(9, " + text + ", 0)");
        CHECK(call_text(t.line(SYS_execve, {address, address, address})) == fmt::format("execve({0}, {0}, {0})", text));
    }
    // Only what put() and the calls themselves touched has faulted.
    CHECK(t.system.faults().counters().total() - faults < 9);
}

TEST_CASE("every call prints whatever it is given") {
    Traced t;
    const std::uint64_t values[] = {0, 1, 0xffff'ffff, ~std::uint64_t{0}, data, TestSystem::data_end - 4, nowhere};
    for (std::uint64_t number = 0; number < 470; ++number) {
        const SystemCall* entry = find_system_call(number);
        if (entry == nullptr) continue;
        for (const std::uint64_t value : values) {
            strace::Call call{t.system.system(), "call", number, {value, value, value, value, value, value}};
            const std::string begun = strace::entering_text(call, entry->formats);
            for (const Result<std::uint64_t>& result :
                 {Result<std::uint64_t>(0), Result<std::uint64_t>(value), Result<std::uint64_t>(fail(Errno::einval))}) {
                call.result = result;
                const std::string text = begun + strace::exiting_text(call, entry->formats);
                CHECK(text.starts_with("call("));
                CHECK(text.ends_with(")"));
                CHECK(text.size() < 64 * 1024);
                CHECK(!strace::result_text(call, entry->result).empty());
            }
        }
    }
    CHECK(t.system.faults().counters().total() == 0);
}
