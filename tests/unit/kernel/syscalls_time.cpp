#include "kernel_support.hpp"

#include <ctime>

using namespace fl;
using test::minus;
using test::negative;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;
constexpr std::uint64_t nowhere = TestSystem::nowhere;

std::int64_t clock_ns(TestSystem& system, std::int64_t clock) {
    REQUIRE(system.call(SYS_clock_gettime, {negative(clock), data}) == 0);
    const auto time = system.get<timespec>(data);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

TEST_CASE("the clocks") {
    TestSystem system;
    system.work().done = {123'456'789, 2, 1};
    const std::int64_t elapsed = 123'456'789 + 2 * 500 + 100'000;
    const std::int64_t epoch = static_cast<std::int64_t>(kernel::Clock::realtime_epoch_s) * 1'000'000'000;
    CHECK(clock_ns(system, CLOCK_MONOTONIC) == elapsed);
    CHECK(clock_ns(system, CLOCK_MONOTONIC_RAW) == elapsed);
    CHECK(clock_ns(system, CLOCK_BOOTTIME) == elapsed);
    CHECK(clock_ns(system, CLOCK_REALTIME) == epoch + elapsed);
    CHECK(clock_ns(system, CLOCK_TAI) == epoch + elapsed);
    CHECK(clock_ns(system, CLOCK_PROCESS_CPUTIME_ID) == 123'456'789 + 1000);
    CHECK(clock_ns(system, CLOCK_THREAD_CPUTIME_ID) == 123'456'789 + 1000);
    CHECK(clock_ns(system, CLOCK_MONOTONIC_COARSE) == 120'000'000);
    // The names of this process's own CPU clock: of nobody in particular, and of process 2.
    CHECK(clock_ns(system, -6) == 123'456'789 + 1000);
    CHECK(clock_ns(system, -22) == 123'456'789 + 1000);
}

TEST_CASE("clocks that there are not") {
    TestSystem system;
    for (const std::int64_t clock : {8, 9, 10, 12, 99, -5, -30}) {
        CAPTURE(clock);
        CHECK(system.call(SYS_clock_gettime, {negative(clock), nowhere}) == minus(Errno::einval));
        CHECK(system.call(SYS_clock_getres, {negative(clock), 0}) == minus(Errno::einval));
    }
    CHECK(system.call(SYS_clock_gettime, {CLOCK_MONOTONIC, nowhere}) == minus(Errno::efault));
}

TEST_CASE("resolutions") {
    TestSystem system;
    CHECK(system.call(SYS_clock_getres, {CLOCK_MONOTONIC, data}) == 0);
    CHECK(system.get<timespec>(data).tv_nsec == 1);
    CHECK(system.call(SYS_clock_getres, {CLOCK_REALTIME_COARSE, data}) == 0);
    CHECK(system.get<timespec>(data).tv_nsec == 4'000'000);
    CHECK(system.call(SYS_clock_getres, {CLOCK_MONOTONIC, 0}) == 0);
    CHECK(system.call(SYS_clock_getres, {CLOCK_MONOTONIC, nowhere}) == minus(Errno::efault));
}

TEST_CASE("gettimeofday and time") {
    TestSystem system;
    system.clock().sleep_ns(1'500'000'000);
    CHECK(system.call(SYS_gettimeofday, {data, data + 16}) == 0);
    CHECK(system.get<timeval>(data).tv_usec == 500'000);
    CHECK(system.get<std::uint64_t>(data + 16) == 0);
    CHECK(system.call(SYS_gettimeofday, {0, 0}) == 0);
    CHECK(system.call(SYS_gettimeofday, {nowhere, 0}) == minus(Errno::efault));
    CHECK(system.call(SYS_gettimeofday, {0, nowhere}) == minus(Errno::efault));
    const auto now = static_cast<std::int64_t>(kernel::Clock::realtime_epoch_s + 1);
    CHECK(system.call(SYS_time, {0}) == now);
    CHECK(system.call(SYS_time, {data}) == now);
    CHECK(system.get<std::int64_t>(data) == now);
    CHECK(system.call(SYS_time, {nowhere}) == minus(Errno::efault));
}

TEST_CASE("a sleep advances virtual time") {
    TestSystem system;
    system.put(data, timespec{2, 5});
    CHECK(system.call(SYS_nanosleep, {data, nowhere}) == 0);
    CHECK(system.clock().elapsed_ns() == 2'000'000'005);
    CHECK(system.call(SYS_clock_nanosleep, {CLOCK_MONOTONIC, 0, data, 0}) == 0);
    CHECK(system.clock().elapsed_ns() == 4'000'000'010);
    system.put(data, timespec{10, 0});
    CHECK(system.call(SYS_clock_nanosleep, {CLOCK_MONOTONIC, TIMER_ABSTIME, data, 0}) == 0);
    CHECK(system.clock().elapsed_ns() == 10'000'000'000);
    // What is past already takes no time.
    CHECK(system.call(SYS_clock_nanosleep, {CLOCK_BOOTTIME, TIMER_ABSTIME, data, 0}) == 0);
    CHECK(system.clock().elapsed_ns() == 10'000'000'000);
}

TEST_CASE("sleeps: errors come in Linux's order") {
    TestSystem system;
    CHECK(system.call(SYS_nanosleep, {nowhere, 0}) == minus(Errno::efault));
    for (const timespec bad : {timespec{0, 1'000'000'000}, timespec{0, -1}, timespec{-1, 0}}) {
        system.put(data, bad);
        CHECK(system.call(SYS_nanosleep, {data, 0}) == minus(Errno::einval));
    }
    CHECK(system.call(SYS_clock_nanosleep, {99, 0, nowhere, 0}) == minus(Errno::einval));
    for (const std::uint64_t clock : {3, 4, 5, 6, 8, 9}) {
        CHECK(system.call(SYS_clock_nanosleep, {clock, 0, nowhere, 0}) == minus(Errno::eopnotsupp));
    }
    CHECK(system.call(SYS_clock_nanosleep, {CLOCK_TAI, 0, data, 0}) == minus(Errno::einval));
}
