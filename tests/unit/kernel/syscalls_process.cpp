#include "kernel/rseq.hpp"
#include "kernel_support.hpp"

#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <cstring>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;
constexpr std::uint64_t nowhere = TestSystem::nowhere;

}  // namespace

TEST_CASE("arch_prctl sets and tells segment bases") {
    TestSystem system;
    CHECK(system.call(SYS_arch_prctl, {0x1002, 0x1234}) == 0);
    CHECK(system.registers().fs_base == 0x1234);
    CHECK(system.call(SYS_arch_prctl, {0x1001, 0x5678}) == 0);
    CHECK(system.registers().gs_base == 0x5678);
    CHECK(system.call(SYS_arch_prctl, {0x1003, data}) == 0);
    CHECK(system.get<std::uint64_t>(data) == 0x1234);
    CHECK(system.call(SYS_arch_prctl, {0x1004, data}) == 0);
    CHECK(system.get<std::uint64_t>(data) == 0x5678);
    CHECK(system.call(SYS_arch_prctl, {0x1003, nowhere}) == minus(Errno::efault));
    CHECK(system.call(SYS_arch_prctl, {0x1002, TestSystem::kernel_half}) == minus(Errno::eperm));
    CHECK(system.call(SYS_arch_prctl, {0x1001, 0x7fff'ffff'f000}) == minus(Errno::eperm));
    CHECK(system.call(SYS_arch_prctl, {0x1011, 0}) == 1);
    CHECK(system.call(SYS_arch_prctl, {0x1012, 0}) == minus(Errno::enodev));
    CHECK(system.call(SYS_arch_prctl, {0x3001, data}) == minus(Errno::einval));
}

TEST_CASE("who the process is") {
    TestSystem system;
    CHECK(system.call(SYS_getpid) == 2);
    CHECK(system.call(SYS_gettid) == 2);
    CHECK(system.call(SYS_getppid) == 1);
    for (const std::uint64_t number : {SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid}) {
        CHECK(system.call(number) == 0);
    }
    CHECK(system.call(SYS_getpgrp) == 2);
    CHECK(system.call(SYS_getpgid, {0}) == 2);
    CHECK(system.call(SYS_getpgid, {3}) == minus(Errno::esrch));
    CHECK(system.call(SYS_getsid, {1}) == 1);
    CHECK(system.call(SYS_getsid, {test::negative(-1)}) == minus(Errno::esrch));
    CHECK(system.call(SYS_set_tid_address, {0x1234}) == 2);
    CHECK(system.task().clear_child_tid == 0x1234);
}

TEST_CASE("lists of the thread library") {
    TestSystem system;
    CHECK(system.call(SYS_set_robust_list, {data, 24}) == 0);
    CHECK(system.call(SYS_set_robust_list, {data, 23}) == minus(Errno::einval));
}

TEST_CASE("a restartable-sequences area is registered once, and tells the processor") {
    TestSystem system;
    constexpr std::uint64_t signature = 0x53053053;
    system.put(data, std::array<std::uint32_t, 2>{0, ~0U});
    CHECK(system.call(SYS_rseq, {data + 8, 32, 0, signature}) == minus(Errno::einval));
    CHECK(system.call(SYS_rseq, {data, 31, 0, signature}) == minus(Errno::einval));
    CHECK(system.call(SYS_rseq, {data, 32, 2, signature}) == minus(Errno::einval));
    CHECK(system.call(SYS_rseq, {TestSystem::kernel_half, 32, 0, signature}) == minus(Errno::efault));
    CHECK(system.call(SYS_rseq, {data, 32, 1, signature}) == minus(Errno::einval));

    CHECK(system.call(SYS_rseq, {data, 32, 0, signature}) == 0);
    CHECK(system.get<std::uint32_t>(data + 4) == 0);
    CHECK(system.call(SYS_rseq, {data, 32, 0, signature}) == minus(Errno::ebusy));
    CHECK(system.call(SYS_rseq, {data, 32, 0, 1}) == minus(Errno::eperm));
    CHECK(system.call(SYS_rseq, {data + 32, 32, 0, signature}) == minus(Errno::einval));
    CHECK(system.call(SYS_rseq, {data, 32, 1, 1}) == minus(Errno::eperm));
    CHECK(system.call(SYS_rseq, {data, 32, 1, signature}) == 0);
    CHECK(system.get<std::uint32_t>(data + 4) == ~0U);
}

TEST_CASE("a signal inside of a restartable sequence sends it to its abort handler") {
    TestSystem system;
    constexpr std::uint32_t signature = 0x53053053;
    constexpr std::uint64_t section = data + 256, start_ip = 0x40'1000, abort_ip = data + 512;
    REQUIRE(system.call(SYS_rseq, {data, 32, 0, signature}) == 0);
    system.put(section, std::array<std::uint64_t, 4>{0, start_ip, 16, abort_ip});
    system.put(abort_ip - 4, signature);
    system.put(data + 8, section);
    system.registers().rip = start_ip + 15;
    REQUIRE(kernel::abort_rseq_section(system.task()).has_value());
    CHECK(system.registers().rip == abort_ip);
    CHECK(system.get<std::uint64_t>(data + 8) == 0);

    // Behind its last instruction it is over, and goes on.
    system.put(data + 8, section);
    system.registers().rip = start_ip + 16;
    REQUIRE(kernel::abort_rseq_section(system.task()).has_value());
    CHECK(system.registers().rip == start_ip + 16);

    // A handler without the signature is an attack or a mistake.
    system.put(data + 8, section);
    system.put(abort_ip - 4, std::uint32_t{0});
    system.registers().rip = start_ip;
    CHECK(kernel::abort_rseq_section(system.task()).error() == Errno::einval);
    CHECK(system.registers().rip == start_ip);
    system.put(data + 8, TestSystem::nowhere);
    CHECK(kernel::abort_rseq_section(system.task()).error() == Errno::efault);
}

TEST_CASE("limits can be read and set, and memory management obeys them") {
    TestSystem system;
    CHECK(system.call(SYS_prlimit64, {0, RLIMIT_STACK, 0, data}) == 0);
    CHECK(system.get<rlimit>(data).rlim_cur == 8U << 20);
    CHECK(system.get<rlimit>(data).rlim_max == RLIM_INFINITY);
    system.put(data, rlimit{1 << 20, 2 << 20});
    CHECK(system.call(SYS_setrlimit, {RLIMIT_STACK, data}) == 0);
    CHECK(system.task().mm->limits().stack_bytes == 1U << 20);
    system.put(data, rlimit{0, RLIM_INFINITY});
    CHECK(system.call(SYS_prlimit64, {2, RLIMIT_AS, data, data + 64}) == 0);
    CHECK(system.get<rlimit>(data + 64).rlim_cur == RLIM_INFINITY);
    CHECK(system.call(SYS_mmap, {0, 4096, 3, 0x22, test::negative(-1), 0}) == minus(Errno::enomem));
    CHECK(system.call(SYS_getrlimit, {RLIMIT_AS, data}) == 0);
    CHECK(system.get<rlimit>(data).rlim_cur == 0);
}

TEST_CASE("limits: errors come in Linux's order") {
    TestSystem system;
    CHECK(system.call(SYS_prlimit64, {0, 99, 0, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_prlimit64, {99'999, 99, 0, data}) == minus(Errno::esrch));
    CHECK(system.call(SYS_prlimit64, {99'999, 99, nowhere, data}) == minus(Errno::efault));
    CHECK(system.call(SYS_prlimit64, {test::negative(-1), 3, 0, data}) == minus(Errno::esrch));
    CHECK(system.call(SYS_prlimit64, {0, RLIMIT_STACK, 0, nowhere}) == minus(Errno::efault));
    CHECK(system.call(SYS_getrlimit, {99, nowhere}) == minus(Errno::einval));
    CHECK(system.call(SYS_getrlimit, {3, nowhere}) == minus(Errno::efault));
    CHECK(system.call(SYS_setrlimit, {99, nowhere}) == minus(Errno::efault));
    system.put(data, rlimit{2, 1});
    CHECK(system.call(SYS_setrlimit, {99, data}) == minus(Errno::einval));
    CHECK(system.call(SYS_setrlimit, {RLIMIT_STACK, data}) == minus(Errno::einval));
    system.put(data, rlimit{1, 1 << 30});
    CHECK(system.call(SYS_setrlimit, {RLIMIT_NOFILE, data}) == minus(Errno::eperm));
}

TEST_CASE("uname") {
    TestSystem system;
    CHECK(system.call(SYS_uname, {data}) == 0);
    const auto names = system.get<utsname>(data);
    CHECK(std::string(names.sysname) == "Linux");
    CHECK(std::string(names.machine) == "x86_64");
    CHECK(std::string(names.domainname) == "(none)");
    CHECK(system.call(SYS_uname, {nowhere}) == minus(Errno::efault));
}

TEST_CASE("getrandom gives the seed's bytes and refuses what Linux refuses") {
    TestSystem first, second;
    CHECK(first.call(SYS_getrandom, {data, 32, 0}) == 32);
    CHECK(second.call(SYS_getrandom, {data, 32, 3}) == 32);
    CHECK(first.get_text(data, 32) == second.get_text(data, 32));
    CHECK(first.call(SYS_getrandom, {data, 8, 8}) == minus(Errno::einval));
    CHECK(first.call(SYS_getrandom, {data, 8, 6}) == minus(Errno::einval));
    CHECK(first.call(SYS_getrandom, {nowhere, 8, 0}) == minus(Errno::efault));
    CHECK(first.call(SYS_getrandom, {TestSystem::kernel_half, 8, 0}) == minus(Errno::efault));
    CHECK(first.call(SYS_getrandom, {nowhere, 0, 0}) == 0);
    // What fits before the end of the mapping is given.
    CHECK(first.call(SYS_getrandom, {TestSystem::data_end - 5000, 6000, 0}) == 5000);
}

TEST_CASE("getrusage tells true counts") {
    TestSystem system;
    system.work().done = {3'000'000'000, 4, 0};
    system.put(data + 4096, 'x');
    CHECK(system.call(SYS_getrusage, {0, data}) == 0);
    const auto usage = system.get<rusage>(data);
    CHECK(usage.ru_utime.tv_sec == 3);
    CHECK(usage.ru_stime.tv_usec == 2);
    CHECK(usage.ru_minflt == 1);  // of data + 4096; that of `data` itself comes with the answer
    CHECK(usage.ru_majflt == 0);
    CHECK(usage.ru_maxrss == 4);
    CHECK(system.call(SYS_getrusage, {test::negative(-1), data}) == 0);
    CHECK(system.get<rusage>(data).ru_minflt == 0);
    CHECK(system.call(SYS_getrusage, {1, data}) == 0);
    CHECK(system.call(SYS_getrusage, {5, data}) == minus(Errno::einval));
    CHECK(system.call(SYS_getrusage, {0, nowhere}) == minus(Errno::efault));
}

TEST_CASE("sysinfo tells the machine's memory") {
    TestSystem system;
    CHECK(system.call(SYS_sysinfo, {data}) == 0);
    const auto info = system.get<struct sysinfo>(data);
    CHECK(info.totalram == 63 * 4096);  // as MemTotal says: without the frame that is nobody's
    CHECK(info.freeram < info.totalram);
    CHECK(info.sharedram == 0);
    CHECK(info.totalswap == 0);
    CHECK(info.procs == 1);
    CHECK(info.mem_unit == 1);
    CHECK(system.call(SYS_sysinfo, {nowhere}) == minus(Errno::efault));

    TestSystem swapping;
    swapping.add_swap(PageCount(16));
    const auto fd = static_cast<std::uint64_t>(swapping.call(SYS_memfd_create, {data, 0}));
    CHECK(swapping.call(SYS_pwrite64, {fd, data, page_size, 0}) == page_size);
    swapping.put<int>(data, 1);
    CHECK(swapping.call(SYS_madvise, {data, page_size, 21 /* MADV_PAGEOUT */}) == 0);
    CHECK(swapping.call(SYS_sysinfo, {data + page_size}) == 0);
    const auto swapped = swapping.get<struct sysinfo>(data + page_size);
    CHECK(swapped.sharedram == page_size);
    CHECK(swapped.totalswap == 16 * page_size);
    CHECK(swapped.freeswap == 15 * page_size);
}

TEST_CASE("the one processor") {
    TestSystem system;
    CHECK(system.call(SYS_sched_yield) == 0);
    system.put(data, std::array<std::uint32_t, 2>{7, 7});
    CHECK(system.call(SYS_getcpu, {data, data + 4, 0}) == 0);
    CHECK(system.get<std::uint64_t>(data) == 0);
    CHECK(system.call(SYS_getcpu, {0, 0, 0}) == 0);
    CHECK(system.call(SYS_getcpu, {nowhere, 0, 0}) == minus(Errno::efault));
    CHECK(system.call(SYS_getcpu, {0, nowhere, 0}) == minus(Errno::efault));
    CHECK(system.call(SYS_sched_getaffinity, {0, 128, data}) == 8);
    CHECK(system.get<std::uint64_t>(data) == 1);
    CHECK(system.call(SYS_sched_getaffinity, {0, 4, data}) == minus(Errno::einval));
    CHECK(system.call(SYS_sched_getaffinity, {99, 8, data}) == minus(Errno::esrch));
    CHECK(system.call(SYS_sched_getaffinity, {0, 8, nowhere}) == minus(Errno::efault));
}

TEST_CASE("exit keeps eight bits, and the first end is the one that counts") {
    TestSystem system;
    system.call(SYS_exit_group, {0x1234});
    CHECK(system.task().exit->status == 0x34);
    CHECK(system.task().exit->signal == 0);
    system.call(SYS_exit, {1});
    system.processes().end_process(*system.task().process, kernel::ExitStatus{137, 9, false});
    CHECK(system.task().exit->status == 0x34);
}
