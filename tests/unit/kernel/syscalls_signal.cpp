#include "kernel_support.hpp"

#include "kernel/signal_frame.hpp"

#include <csignal>

using namespace fl;
using namespace fl::kernel;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;
constexpr std::uint64_t nowhere = TestSystem::nowhere;
constexpr std::uint64_t all = ~std::uint64_t{0};
constexpr std::uint64_t unblockable = Signals::unblockable.bits();

}  // namespace

TEST_CASE("rt_sigaction sets and tells") {
    TestSystem system;
    system.put(data, SignalAction{0x1234, all, 0x5678, all});
    CHECK(system.call(SYS_rt_sigaction, {SIGUSR1, data, data + 64, 8}) == 0);
    CHECK(system.get<SignalAction>(data + 64).handler == SignalAction::default_action);
    CHECK(system.call(SYS_rt_sigaction, {SIGUSR1, 0, data, 8}) == 0);
    const auto action = system.get<SignalAction>(data);
    CHECK(action.handler == 0x1234);
    CHECK(action.flags == 0xdc00'0807);
    CHECK(action.restorer == 0x5678);
    CHECK(action.mask == (all & ~unblockable));
}

TEST_CASE("rt_sigaction: errors") {
    TestSystem system;
    system.put(data, SignalAction{});
    CHECK(system.call(SYS_rt_sigaction, {SIGUSR1, data, 0, 4}) == minus(Errno::einval));
    CHECK(system.call(SYS_rt_sigaction, {99, nowhere, 0, 8}) == minus(Errno::efault));
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{65}, test::negative(-1)}) {
        CHECK(system.call(SYS_rt_sigaction, {number, 0, data, 8}) == minus(Errno::einval));
    }
    CHECK(system.call(SYS_rt_sigaction, {SIGKILL, data, 0, 8}) == minus(Errno::einval));
    CHECK(system.call(SYS_rt_sigaction, {SIGSTOP, data, 0, 8}) == minus(Errno::einval));
    CHECK(system.call(SYS_rt_sigaction, {SIGKILL, 0, data, 8}) == 0);
    CHECK(system.call(SYS_rt_sigaction, {64, 0, data, 8}) == 0);
    CHECK(system.call(SYS_rt_sigaction, {SIGUSR1, 0, nowhere, 8}) == minus(Errno::efault));
}

TEST_CASE("rt_sigprocmask") {
    TestSystem system;
    const auto change = [&system](int how, std::uint64_t bits) {
        system.put(data, bits);
        CHECK(system.call(SYS_rt_sigprocmask, {static_cast<std::uint64_t>(how), data, data + 8, 8}) == 0);
        return system.signals().blocked().bits();
    };
    CHECK(change(SIG_SETMASK, all) == (all & ~unblockable));
    CHECK(change(SIG_UNBLOCK, 0xff00) == (all & ~unblockable & ~0xff00ULL));
    CHECK(change(SIG_SETMASK, 0xf) == 0xf);
    CHECK(change(SIG_BLOCK, 0x30) == 0x3f);
    CHECK(system.get<std::uint64_t>(data + 8) == 0xf);
    CHECK(system.call(SYS_rt_sigprocmask, {99, 0, data, 8}) == 0);
    CHECK(system.call(SYS_rt_sigprocmask, {99, data, 0, 8}) == minus(Errno::einval));
    CHECK(system.call(SYS_rt_sigprocmask, {0, nowhere, 0, 8}) == minus(Errno::efault));
    CHECK(system.call(SYS_rt_sigprocmask, {0, 0, nowhere, 8}) == minus(Errno::efault));
    CHECK(system.call(SYS_rt_sigprocmask, {0, 0, data, 4}) == minus(Errno::einval));
}

TEST_CASE("rt_sigpending tells what is blocked and waits") {
    TestSystem system;
    system.signals().set_blocked(SignalSet::of(SIGUSR1));
    CHECK(system.call(SYS_tkill, {2, SIGUSR1}) == 0);
    CHECK(system.call(SYS_rt_sigpending, {data, 8}) == 0);
    CHECK(system.get<std::uint64_t>(data) == SignalSet::of(SIGUSR1).bits());
    CHECK(system.call(SYS_rt_sigpending, {data, 4}) == 0);
    CHECK(system.call(SYS_rt_sigpending, {data, 16}) == minus(Errno::einval));
    CHECK(system.call(SYS_rt_sigpending, {nowhere, 8}) == minus(Errno::efault));
}

TEST_CASE("sigaltstack") {
    TestSystem system;
    const auto set = [&system](std::uint32_t flags, std::uint64_t size) {
        system.put(data, UserStack{0x5000, flags, 0, size});
        return system.call(SYS_sigaltstack, {data, 0});
    };
    const auto now = [&system] {
        CHECK(system.call(SYS_sigaltstack, {0, data}) == 0);
        return system.get<UserStack>(data);
    };
    CHECK(now().flags == 2);
    CHECK(set(0, 1000) == minus(Errno::enomem));
    CHECK(set(0, 2047) == minus(Errno::enomem));
    CHECK(set(7, 4096) == minus(Errno::einval));
    CHECK(set(1, 2048) == 0);
    CHECK(now().flags == 0);
    CHECK(now().size_bytes == 2048);
    CHECK(set(AlternateStack::auto_disarm, 4096) == 0);
    CHECK(now().flags == AlternateStack::auto_disarm);
    CHECK(set(AlternateStack::auto_disarm | 2, 1) == 0);
    CHECK(now().flags == (AlternateStack::auto_disarm | 2));
    CHECK(now().base == 0);
    CHECK(system.call(SYS_sigaltstack, {nowhere, 0}) == minus(Errno::efault));
    CHECK(system.call(SYS_sigaltstack, {0, nowhere}) == minus(Errno::efault));
    CHECK(set(0, 4096) == 0);
    system.registers().rsp = 0x5100;
    CHECK(now().flags == 1);
    CHECK(set(0, 4096) == minus(Errno::eperm));
}

TEST_CASE("kill, tkill, tgkill: only to itself") {
    TestSystem system;
    system.signals().set_blocked(SignalSet(all));
    CHECK(system.call(SYS_kill, {2, SIGUSR1}) == 0);
    CHECK(system.call(SYS_kill, {0, SIGUSR2}) == 0);
    CHECK(system.call(SYS_tgkill, {2, 2, SIGHUP}) == 0);
    const SignalSet waiting = SignalSet::of(SIGUSR1) | SignalSet::of(SIGUSR2) | SignalSet::of(SIGHUP);
    CHECK(system.signals().pending() == waiting);
    CHECK(system.call(SYS_kill, {2, 0}) == 0);
    CHECK(system.signals().pending() == waiting);

    CHECK(system.call(SYS_kill, {2, 65}) == minus(Errno::einval));
    CHECK(system.call(SYS_kill, {2, test::negative(-1)}) == minus(Errno::einval));
    CHECK(system.call(SYS_kill, {3, 65}) == minus(Errno::esrch));
    CHECK(system.call(SYS_kill, {test::negative(-1), SIGUSR1}) == minus(Errno::esrch));
    CHECK(system.call(SYS_tkill, {0, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_tkill, {3, 65}) == minus(Errno::esrch));
    CHECK(system.call(SYS_tkill, {2, 65}) == minus(Errno::einval));
    CHECK(system.call(SYS_tgkill, {0, 1, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_tgkill, {2, 0, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_tgkill, {3, 2, 0}) == minus(Errno::esrch));
    CHECK(system.call(SYS_tgkill, {2, 3, 0}) == minus(Errno::esrch));
}

TEST_CASE("who sent a signal") {
    TestSystem system;
    system.put(data, SignalAction{0x1234, 0, 0, 0});
    CHECK(system.call(SYS_rt_sigaction, {SIGUSR1, data, 0, 8}) == 0);
    system.call(SYS_kill, {2, SIGUSR1});
    CHECK(system.signals().next()->info.code == si_code_user);
    system.call(SYS_tkill, {2, SIGUSR1});
    const auto info = system.signals().next()->info;
    CHECK(info.code == si_code_tkill);
    CHECK(info.pid == 2);
}
