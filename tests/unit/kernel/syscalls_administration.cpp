#include "kernel_support.hpp"

#include <sched.h>
#include <sys/utsname.h>

using namespace fl;
using test::minus;
using test::negative;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data, nowhere = TestSystem::nowhere;

void give_up_capabilities(TestSystem& system) { system.task().credentials.capabilities.effective = 0; }

}  // namespace

TEST_CASE("the machine's names can be set, and are told by uname and /proc") {
    TestSystem system;
    system.put_text(data, "elsewhere");
    CHECK(system.call(SYS_sethostname, {data, 9}) == 0);
    CHECK(system.call(SYS_setdomainname, {data, 4}) == 0);
    CHECK(system.call(SYS_uname, {data}) == 0);
    const auto names = system.get<utsname>(data);
    CHECK(std::string(names.nodename) == "elsewhere");
    CHECK(std::string(names.domainname) == "else");
    system.put_text(data, "/proc/sys/kernel/hostname");
    REQUIRE(system.call(SYS_open, {data, O_RDWR}) == 0);
    CHECK(system.call(SYS_read, {0, data, 100}) == 10);
    CHECK(system.get_text(data, 10) == "elsewhere\n");
    system.put_text(data, "written\n");
    CHECK(system.call(SYS_write, {0, data, 8}) == 8);
    CHECK(system.processes().machine_names().node == "written");
    CHECK(system.call(SYS_sethostname, {data, 65}) == minus(Errno::einval));
    CHECK(system.call(SYS_sethostname, {data, negative(-1)}) == minus(Errno::einval));
    CHECK(system.call(SYS_sethostname, {nowhere, 5}) == minus(Errno::efault));
    give_up_capabilities(system);
    CHECK(system.call(SYS_sethostname, {nowhere, 65}) == minus(Errno::eperm));
    CHECK(system.call(SYS_write, {0, data, 8}) == minus(Errno::eperm));
}

TEST_CASE("nobody ends the machine or gives it swap") {
    TestSystem system;
    CHECK(system.call(SYS_reboot, {0, 0, 0, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_reboot, {0xfee1dead, 672274793, 0x4321fedc, 0}) == minus(Errno::eperm));
    system.put_text(data, "/etc/passwd");
    CHECK(system.call(SYS_swapon, {data, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_swapoff, {data}) == minus(Errno::einval));
    system.put_text(data, "/none");
    CHECK(system.call(SYS_swapon, {data, 0}) == minus(Errno::enoent));
    CHECK(system.call(SYS_vhangup) == 0);
    CHECK(system.call(SYS_iopl, {3}) == minus(Errno::enosys));
    give_up_capabilities(system);
    CHECK(system.call(SYS_reboot, {0, 0, 0, 0}) == minus(Errno::eperm));
    CHECK(system.call(SYS_swapon, {data, 0}) == minus(Errno::eperm));
    CHECK(system.call(SYS_vhangup) == minus(Errno::eperm));
}

TEST_CASE("unshare undoes what clone shares") {
    TestSystem system;
    const auto files = system.task().files;
    const auto fs = system.task().fs;
    CHECK(system.call(SYS_unshare, {0}) == 0);
    CHECK(system.task().files == files);
    CHECK(system.call(SYS_unshare, {CLONE_FILES | CLONE_FS}) == 0);
    CHECK(system.task().files != files);
    CHECK(system.task().fs != fs);
    CHECK(system.call(SYS_unshare, {CLONE_NEWNS}) == minus(Errno::einval));
    CHECK(system.call(SYS_unshare, {1}) == minus(Errno::einval));
}

TEST_CASE("the list of robust futexes is told") {
    TestSystem system;
    REQUIRE(system.call(SYS_set_robust_list, {0x1230, 24}) == 0);
    CHECK(system.call(SYS_get_robust_list, {0, data, data + 8}) == 0);
    CHECK(system.get<std::uint64_t>(data) == 0x1230);
    CHECK(system.get<std::uint64_t>(data + 8) == 24);
    CHECK(system.call(SYS_get_robust_list, {77, data, data + 8}) == minus(Errno::esrch));
    CHECK(system.call(SYS_get_robust_list, {2, nowhere, data}) == minus(Errno::efault));
}

TEST_CASE("times: ticks of the process and its children, and since the machine started") {
    TestSystem system;
    system.work().done.instructions = 2'000'000'000;
    system.task().process->children.time = kernel::CpuTime{.user_ns = 30'000'000, .system_ns = 10'000'000};
    CHECK(system.call(SYS_times, {data}) == 200);
    const auto times = system.get<std::array<std::int64_t, 4>>(data);
    CHECK(times[0] == 200);
    CHECK(times[2] == 3);
    CHECK(times[3] == 1);
    CHECK(system.call(SYS_times, {0}) == 200);
    CHECK(system.call(SYS_times, {nowhere}) == minus(Errno::efault));
}
