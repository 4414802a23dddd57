// Timers of time and of the processor, on a system with one task whose work the test sets by hand.
#include "kernel/clock_timer.hpp"
#include "kernel/cpu_limit.hpp"
#include "kernel/process_timers.hpp"
#include "kernel_support.hpp"

#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>

#include <csignal>
#include <ctime>

namespace fl::kernel {

using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data, nowhere = TestSystem::nowhere;
constexpr std::uint64_t ms = 1'000'000, s = 1'000'000'000;

itimerspec spec_of(std::uint64_t value_ns, std::uint64_t interval_ns) {
    const auto part = [](std::uint64_t ns) { return timespec{static_cast<time_t>(ns / s), static_cast<long>(ns % s)}; };
    return {part(interval_ns), part(value_ns)};
}

std::uint64_t ns_of(const timespec& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * s + static_cast<std::uint64_t>(time.tv_nsec);
}

void pass(TestSystem& system, std::uint64_t ns) {
    (void)system.clock().sleep_ns(ns);
    system.scheduler().tick();
}

// User time of the only task.
void work(TestSystem& system, std::uint64_t ns) {
    system.work().done.instructions += ns;
    expire_cpu_timers(system.system());
}

std::uint64_t create(TestSystem& system, std::uint64_t clock, int signal) {
    sigevent event{};
    event.sigev_signo = signal;
    event.sigev_notify = SIGEV_SIGNAL;
    system.put(data, event);
    REQUIRE(system.call(SYS_timer_create, {clock, data, data + 128}) == 0);
    return system.get<std::uint32_t>(data + 128);
}

std::int64_t set(TestSystem& system, std::uint64_t timer, std::uint64_t flags, itimerspec setting) {
    system.put(data, setting);
    return system.call(SYS_timer_settime, {timer, flags, data, 0});
}

itimerspec left(TestSystem& system, std::uint64_t timer) {
    REQUIRE(system.call(SYS_timer_gettime, {timer, data}) == 0);
    return system.get<itimerspec>(data);
}

std::optional<SignalInfo> take(TestSystem& system, int number) { return system.signals().take(SignalSet::of(number)); }

void block(TestSystem& system, int number) { system.signals().set_blocked(SignalSet::of(number)); }

}  // namespace

TEST_CASE("a timer with an interval: one signal, whose taking counts what was missed") {
    TestSystem system;
    block(system, SIGUSR1);
    const std::uint64_t timer = create(system, CLOCK_MONOTONIC, SIGUSR1);
    CHECK(set(system, timer, 0, spec_of(10 * ms, 3 * ms)) == 0);
    pass(system, 9 * ms);
    CHECK(ns_of(left(system, timer).it_value) == ms);
    CHECK_FALSE(take(system, SIGUSR1).has_value());
    // At 10, 13, 16, 19; the next is at 22.
    pass(system, 11 * ms);
    CHECK(system.signals().waiting_count() == 1);
    const auto info = take(system, SIGUSR1);
    REQUIRE(info.has_value());
    CHECK(info->overrun == 3);
    CHECK(system.call(SYS_timer_getoverrun, {timer}) == 3);
    CHECK(ns_of(left(system, timer).it_value) == 2 * ms);
    pass(system, 2 * ms);
    REQUIRE(take(system, SIGUSR1).has_value());
    CHECK(system.call(SYS_timer_getoverrun, {timer}) == 0);
}

TEST_CASE("timer_gettime while the signal waits moves on, and the overrun count knows") {
    TestSystem system;
    block(system, SIGUSR1);
    const std::uint64_t timer = create(system, CLOCK_MONOTONIC, SIGUSR1);
    CHECK(set(system, timer, 0, spec_of(10 * ms, 10 * ms)) == 0);
    pass(system, 35 * ms);
    CHECK(ns_of(left(system, timer).it_value) == 5 * ms);
    pass(system, 10 * ms);
    CHECK(take(system, SIGUSR1)->overrun == 3);
}

TEST_CASE("a short interval and a long time cost nothing") {
    TestSystem system;
    block(system, SIGUSR1);
    const std::uint64_t timer = create(system, CLOCK_MONOTONIC, SIGUSR1);
    CHECK(set(system, timer, 0, spec_of(1, 1)) == 0);
    pass(system, 1'000'000 * s);
    CHECK(take(system, SIGUSR1)->overrun == 0x7fff'ffff);
    system.put(data, itimerval{{0, 1}, {0, 1}});
    block(system, SIGALRM);
    CHECK(system.call(SYS_setitimer, {ITIMER_REAL, data, 0}) == 0);
    pass(system, 1'000'000 * s);
    CHECK(system.signals().waiting_count() == 2);
}

TEST_CASE("what waits of a timer that was set anew or deleted is void") {
    TestSystem system;
    block(system, SIGUSR1);
    const std::uint64_t first = create(system, CLOCK_MONOTONIC, SIGUSR1);
    const std::uint64_t second = create(system, CLOCK_MONOTONIC, SIGUSR1);
    CHECK(set(system, first, 0, spec_of(ms, 0)) == 0);
    CHECK(set(system, second, 0, spec_of(ms, 0)) == 0);
    pass(system, 2 * ms);
    CHECK(system.signals().waiting_count() == 2);
    CHECK(set(system, first, 0, spec_of(5 * ms, 0)) == 0);
    CHECK(system.call(SYS_timer_delete, {second}) == 0);
    CHECK_FALSE(take(system, SIGUSR1).has_value());
    pass(system, 5 * ms);
    CHECK(take(system, SIGUSR1)->timer_id == static_cast<std::int32_t>(first));
}

TEST_CASE("timers count as signals that may wait") {
    TestSystem system;
    system.task().process->limits[static_cast<std::size_t>(Limit::pending_signals)] = {3, 3};
    block(system, SIGUSR1);
    const std::uint64_t first = create(system, CLOCK_MONOTONIC, SIGUSR1);
    (void)create(system, CLOCK_MONOTONIC, SIGUSR1);
    (void)create(system, CLOCK_MONOTONIC, SIGUSR1);
    CHECK(system.call(SYS_timer_create, {CLOCK_MONOTONIC, 0, data}) == minus(Errno::eagain));
    // One that was deleted counts as long as its signal waits.
    CHECK(set(system, first, 0, spec_of(ms, 0)) == 0);
    pass(system, ms);
    CHECK(system.call(SYS_timer_delete, {first}) == 0);
    CHECK(system.call(SYS_timer_create, {CLOCK_MONOTONIC, 0, data}) == minus(Errno::eagain));
    CHECK_FALSE(take(system, SIGUSR1).has_value());
    CHECK(system.call(SYS_timer_create, {CLOCK_MONOTONIC, 0, data}) == 0);
}

TEST_CASE("timers by processor time: only what was used counts") {
    TestSystem system;
    block(system, SIGUSR1);
    const std::uint64_t timer = create(system, CLOCK_PROCESS_CPUTIME_ID, SIGUSR1);
    CHECK(set(system, timer, 0, spec_of(10 * ms, 4 * ms)) == 0);
    CHECK(cpu_time_left_ns(system.system()) == std::optional<std::uint64_t>(10 * ms));
    pass(system, s);
    work(system, 9 * ms);
    CHECK_FALSE(take(system, SIGUSR1).has_value());
    CHECK(cpu_time_left_ns(system.system()) == std::optional<std::uint64_t>(ms));
    work(system, 6 * ms);
    CHECK(take(system, SIGUSR1)->overrun == 1);
    CHECK(ns_of(left(system, timer).it_value) == 3 * ms);
    CHECK(system.call(SYS_timer_delete, {timer}) == 0);
    CHECK_FALSE(cpu_time_left_ns(system.system()).has_value());
}

TEST_CASE("ITIMER_VIRTUAL counts user time, ITIMER_PROF faults as well; a tick more than asked for") {
    TestSystem system;
    block(system, SIGVTALRM);
    system.put(data, itimerval{{0, 0}, {0, 6'000}});
    CHECK(system.call(SYS_setitimer, {ITIMER_VIRTUAL, data, 0}) == 0);
    CHECK(system.call(SYS_setitimer, {ITIMER_PROF, data, 0}) == 0);
    system.work().done.minor_faults += 10'000;  // 5 ms
    work(system, 5 * ms);
    CHECK(system.signals().pending().has(SIGPROF));
    CHECK_FALSE(system.signals().pending().has(SIGVTALRM));
    CHECK(system.call(SYS_getitimer, {ITIMER_VIRTUAL, data}) == 0);
    CHECK(system.get<itimerval>(data).it_value.tv_usec == 5'000);
    work(system, 5 * ms);
    CHECK(system.signals().pending().has(SIGVTALRM));
}

TEST_CASE("RLIMIT_CPU: SIGXCPU each second from the soft limit on, SIGKILL at the hard one") {
    TestSystem system;
    block(system, SIGXCPU);
    system.put(data, LimitPair{1, 3});
    CHECK(system.call(SYS_setrlimit, {0, data}) == 0);
    work(system, s - 1);
    CHECK_FALSE(take(system, SIGXCPU).has_value());
    CHECK(cpu_time_left_ns(system.system()) == std::optional<std::uint64_t>(1));
    work(system, 1);
    CHECK(take(system, SIGXCPU)->code == si_code_kernel);
    work(system, s / 2);
    CHECK_FALSE(take(system, SIGXCPU).has_value());
    CHECK(cpu_time_left_ns(system.system()) == std::optional<std::uint64_t>(s / 2));
    work(system, s / 2);
    CHECK(take(system, SIGXCPU).has_value());
    CHECK_FALSE(system.task().exit.has_value());
    work(system, s);
    REQUIRE(system.task().exit.has_value());
    CHECK(system.task().exit->signal == SIGKILL);
}

TEST_CASE("who sets the clock moves its timers, not those that count from now") {
    TestSystem system;
    block(system, SIGUSR1);
    const std::uint64_t epoch_ns = Clock::realtime_epoch_s * s;
    const std::uint64_t absolute = create(system, CLOCK_REALTIME, SIGUSR1);
    const std::uint64_t relative = create(system, CLOCK_REALTIME, SIGUSR1);
    CHECK(set(system, absolute, TIMER_ABSTIME, spec_of(epoch_ns + 1'000 * s, 0)) == 0);
    CHECK(set(system, relative, 0, spec_of(1'000 * s, 0)) == 0);
    system.put(data, timespec{static_cast<time_t>(Clock::realtime_epoch_s) + 990, 0});
    CHECK(system.call(SYS_clock_settime, {CLOCK_REALTIME, data}) == 0);
    CHECK(ns_of(left(system, absolute).it_value) == 10 * s);
    CHECK(ns_of(left(system, relative).it_value) == 1'000 * s);
    pass(system, 10 * s);
    CHECK(take(system, SIGUSR1)->timer_id == static_cast<std::int32_t>(absolute));
    CHECK_FALSE(take(system, SIGUSR1).has_value());
    CHECK(system.call(SYS_clock_gettime, {CLOCK_MONOTONIC, data}) == 0);
    CHECK(ns_of(system.get<timespec>(data)) == 10 * s);
}

TEST_CASE("a timer that is read is canceled when the clock is set") {
    TestSystem system;
    const auto fd = static_cast<std::uint64_t>(system.call(SYS_timerfd_create, {CLOCK_REALTIME, TFD_NONBLOCK}));
    const std::uint64_t flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    const auto step = [&](std::int64_t seconds) {
        timex wanted{};
        wanted.modes = ADJ_SETOFFSET;
        wanted.time.tv_sec = seconds;
        system.put(data, wanted);
        CHECK(system.call(SYS_clock_adjtime, {CLOCK_REALTIME, data}) == TIME_ERROR);
    };
    system.put(data, spec_of((Clock::realtime_epoch_s + 1'000) * s, 0));
    CHECK(system.call(SYS_timerfd_settime, {fd, flags, data, 0}) == 0);
    CHECK(system.call(SYS_read, {fd, data, 8}) == minus(Errno::eagain));
    step(-5);
    CHECK(system.call(SYS_read, {fd, data, 8}) == minus(Errno::ecanceled));
    CHECK(system.call(SYS_read, {fd, data, 8}) == minus(Errno::eagain));
    step(1'005);
    system.put(data, spec_of((Clock::realtime_epoch_s + 2'000) * s, 0));
    CHECK(system.call(SYS_timerfd_settime, {fd, flags, data, 0}) == minus(Errno::ecanceled));
    // Without the flag nobody is told.
    system.put(data, spec_of((Clock::realtime_epoch_s + 2'000) * s, 0));
    CHECK(system.call(SYS_timerfd_settime, {fd, TFD_TIMER_ABSTIME, data, 0}) == 0);
    step(1);
    CHECK(system.call(SYS_read, {fd, data, 8}) == minus(Errno::eagain));
    step(1'000);
    system.scheduler().tick();
    CHECK(system.call(SYS_read, {fd, data, 8}) == 8);
}

TEST_CASE("setting clocks: errors, and those who may not") {
    TestSystem system;
    system.put(data, timespec{-1, 0});
    CHECK(system.call(SYS_clock_settime, {CLOCK_REALTIME, data}) == minus(Errno::einval));
    CHECK(system.call(SYS_clock_settime, {CLOCK_REALTIME, nowhere}) == minus(Errno::efault));
    pass(system, 100 * s);
    system.put(data, timespec{99, 0});
    CHECK(system.call(SYS_clock_settime, {CLOCK_REALTIME, data}) == minus(Errno::einval));
    system.put(data, timeval{100, 1'000'001});
    CHECK(system.call(SYS_settimeofday, {data, 0}) == minus(Errno::einval));
    system.put(data + 64, std::array<std::int32_t, 2>{901, 0});
    CHECK(system.call(SYS_settimeofday, {0, data + 64}) == minus(Errno::einval));
    system.put(data, timex{});
    CHECK(system.call(SYS_adjtimex, {data}) == TIME_ERROR);
    CHECK(system.get<timex>(data).tick == 10'000);
    CHECK(system.call(SYS_clock_adjtime, {CLOCK_MONOTONIC, data}) == minus(Errno::eopnotsupp));
    CHECK(system.call(SYS_clock_adjtime, {99, data}) == minus(Errno::einval));
    CHECK(system.call(SYS_clock_adjtime, {99, nowhere}) == minus(Errno::efault));

    system.task().credentials.capabilities.effective = 0;
    system.put(data, timespec{2'000'000'000, 0});
    CHECK(system.call(SYS_clock_settime, {CLOCK_REALTIME, data}) == minus(Errno::eperm));
    CHECK(system.call(SYS_settimeofday, {data, 0}) == minus(Errno::eperm));
    timex wanted{};
    wanted.modes = ADJ_FREQUENCY;
    system.put(data, wanted);
    CHECK(system.call(SYS_adjtimex, {data}) == minus(Errno::eperm));
    CHECK(system.call(SYS_timerfd_create, {CLOCK_REALTIME_ALARM, 0}) == minus(Errno::eperm));
}

TEST_CASE("alarm clocks: nothing wakes this machine") {
    TestSystem system;
    CHECK(system.call(SYS_timer_create, {CLOCK_BOOTTIME_ALARM, 0, data}) == minus(Errno::eopnotsupp));
    const auto fd = static_cast<std::uint64_t>(system.call(SYS_timerfd_create, {CLOCK_BOOTTIME_ALARM, 0}));
    CHECK((*system.task().files->find(fd))->path() == "anon_inode:[timerfd]");
}

TEST_CASE("exec and the end of a process: its timers are gone") {
    TestSystem system;
    const std::uint64_t timer = create(system, CLOCK_MONOTONIC, SIGUSR1);
    CHECK(set(system, timer, 0, spec_of(ms, ms)) == 0);
    CHECK_FALSE(system.scheduler().timers().empty());
    system.task().signals.set_timer_signals(nullptr);
    system.task().process->timers.reset();
    CHECK(system.scheduler().timers().empty());
}

}  // namespace fl::kernel
