// What waits while other tasks run: timers and signals as files, other tasks' processor time.
#include "kernel/clock_timer.hpp"
#include "kernel/cpu_limit.hpp"
#include "kernel/syscalls.hpp"
#include "kernel_support.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <csignal>
#include <ctime>

namespace fl::kernel {

using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;
constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint64_t thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

// The new thread's number; it runs when the first task waits.
std::uint32_t start_thread(TestSystem& system, std::function<void(System&)> work) {
    system.task_work = std::move(work);
    const std::int64_t tid = system.call(SYS_clone, {thread_flags, data + 4096});
    REQUIRE(tid > 0);
    return static_cast<std::uint32_t>(tid);
}

void sleep_for(System& system, std::uint64_t ns) {
    WaitQueue nobody_wakes;
    (void)system.scheduler.wait(system.task, nobody_wakes, system.clock.monotonic_ns() + ns);
}

std::uint64_t signal_file(TestSystem& system, int number) {
    system.signals().set_blocked(SignalSet::of(number));
    system.put(data, SignalSet::of(number).bits());
    const std::int64_t fd = system.call(SYS_signalfd4, {test::negative(-1), data, 8, 0});
    REQUIRE(fd >= 0);
    return static_cast<std::uint64_t>(fd);
}

}  // namespace

TEST_CASE("a read of a signalfd waits for a signal that another thread sends") {
    TestSystem system;
    const std::uint64_t fd = signal_file(system, SIGUSR1);
    const std::uint32_t self = system.task().tid;
    start_thread(system, [self](System& thread) {
        sleep_for(thread, 5 * ms);
        CHECK(sys_tgkill(thread, {self, self, SIGUSR1, 0, 0, 0}).has_value());
    });
    CHECK(system.call(SYS_read, {fd, data, sizeof(signalfd_siginfo)}) == sizeof(signalfd_siginfo));
    const auto info = system.get<signalfd_siginfo>(data);
    CHECK(info.ssi_signo == SIGUSR1);
    CHECK(info.ssi_code == SI_TKILL);
    CHECK(system.clock().monotonic_ns() == 5 * ms);
}

TEST_CASE("poll on a signalfd sees what is sent to the process, and not what is sent to another thread") {
    TestSystem system;
    const std::uint64_t fd = signal_file(system, SIGUSR1);
    const std::uint32_t pid = system.task().pid;
    start_thread(system, [pid](System& thread) {
        thread.task.signals.set_blocked(SignalSet::of(SIGUSR1));
        CHECK(sys_tgkill(thread, {pid, thread.task.tid, SIGUSR1, 0, 0, 0}).has_value());
        sleep_for(thread, 5 * ms);
        CHECK(sys_kill(thread, {pid, SIGUSR1, 0, 0, 0, 0}).has_value());
        sleep_for(thread, ms);
    });
    system.put(data, pollfd{static_cast<int>(fd), POLLIN, 0});
    CHECK(system.call(SYS_poll, {data, 1, 2}) == 0);
    CHECK(system.call(SYS_poll, {data, 1, test::negative(-1)}) == 1);
    CHECK(system.get<pollfd>(data).revents == POLLIN);
    CHECK(system.clock().monotonic_ns() == 5 * ms);
}

TEST_CASE("a signal that nobody reads ends a read of a signalfd") {
    TestSystem system;
    const std::uint64_t fd = signal_file(system, SIGUSR1);
    const std::uint32_t pid = system.task().pid;
    system.signals().set_action(SIGUSR2, SignalAction{.handler = 0x1000});
    start_thread(system, [pid](System& thread) {
        thread.task.signals.set_blocked(SignalSet::of(SIGUSR2));
        CHECK(sys_kill(thread, {pid, SIGUSR2, 0, 0, 0, 0}).has_value());
    });
    CHECK(system.call(SYS_read, {fd, data, sizeof(signalfd_siginfo)}) == minus(Errno::eintr));
    CHECK(system.task().restart_call.has_value());
}

TEST_CASE("a read of a timerfd waits for a timer that another thread sets") {
    TestSystem system;
    const auto fd = static_cast<std::uint64_t>(system.call(SYS_timerfd_create, {CLOCK_MONOTONIC, 0}));
    start_thread(system, [fd](System& thread) {
        sleep_for(thread, 5 * ms);
        const itimerspec setting{{0, 0}, {0, 2 * ms}};
        CHECK(thread.user().write(VirtAddr(data + 256), setting).has_value());
        CHECK(sys_timerfd_settime(thread, {fd, 0, data + 256, 0, 0, 0}).has_value());
        sleep_for(thread, 10 * ms);
    });
    CHECK(system.call(SYS_read, {fd, data, 8}) == 8);
    CHECK(system.get<std::uint64_t>(data) == 1);
    CHECK(system.clock().monotonic_ns() == 7 * ms);
}

TEST_CASE("who sleeps by another thread's processor time wakes when so much was used") {
    TestSystem system;
    auto& work = system.work();
    const std::uint32_t tid = start_thread(system, [&work](System& thread) {
        sleep_for(thread, 3 * ms);
        work.done.instructions += 4 * ms;
        expire_cpu_timers(thread);
        thread.scheduler.yield(thread.task);
        work.done.instructions += 7 * ms;
        expire_cpu_timers(thread);
    });
    const std::uint64_t clock = (~std::uint64_t{tid} << 3 & 0xffff'ffff) | 6;
    system.put(data, timespec{0, 10 * ms});
    CHECK(system.call(SYS_clock_nanosleep, {clock, 0, data, 0}) == 0);
    CHECK(work.done.instructions == 11 * ms);
}

TEST_CASE("RLIMIT_SIGPENDING counts what waits for all of a user's tasks") {
    TestSystem system;
    system.task().process->limits[static_cast<std::size_t>(Limit::pending_signals)] = {3, 3};
    const std::uint64_t number = 40;
    system.signals().set_blocked(SignalSet::of(number));
    const std::uint32_t tid = start_thread(system, [](System& thread) { sleep_for(thread, ms); });
    CHECK(system.call(SYS_tkill, {tid, number}) == 0);
    CHECK(system.call(SYS_tkill, {tid, number}) == 0);
    CHECK(system.call(SYS_kill, {system.task().pid, number}) == 0);
    CHECK(system.call(SYS_tkill, {system.task().tid, number}) == minus(Errno::eagain));
    CHECK(system.call(SYS_timer_create, {CLOCK_MONOTONIC, 0, data}) == minus(Errno::eagain));
    CHECK(system.call(SYS_tkill, {tid, SIGUSR2}) == 0);
}

TEST_CASE("a timer's signal for one thread wakes that one") {
    TestSystem system;
    system.signals().set_action(SIGUSR1, SignalAction{.handler = 0x1000});
    std::uint64_t woken_ns = 0;
    const std::uint32_t tid = start_thread(system, [&woken_ns](System& thread) {
        WaitQueue nobody_wakes;
        CHECK(thread.scheduler.wait(thread.task, nobody_wakes) == WakeReason::signal);
        woken_ns = thread.clock.monotonic_ns();
        CHECK(thread.task.signals.pending(SignalQueue::thread).has(SIGUSR1));
    });
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR1;
    event._sigev_un._tid = static_cast<int>(tid);
    system.put(data, event);
    CHECK(system.call(SYS_timer_create, {CLOCK_MONOTONIC, data, data + 128}) == 0);
    system.put(data, itimerspec{{0, 0}, {0, 4 * ms}});
    CHECK(system.call(SYS_timer_settime, {0, 0, data, 0}) == 0);
    system.put(data, timespec{0, 9 * ms});
    CHECK(system.call(SYS_nanosleep, {data, 0}) == 0);
    CHECK(woken_ns == 4 * ms);
    // The thread is over: nobody gets the next one.
    system.put(data, itimerspec{{0, 0}, {0, 1}});
    CHECK(system.call(SYS_timer_settime, {0, 0, data, 0}) == 0);
    system.put(data, timespec{0, ms});
    CHECK(system.call(SYS_nanosleep, {data, 0}) == 0);
    CHECK(system.signals().pending().empty());
}

}  // namespace fl::kernel
