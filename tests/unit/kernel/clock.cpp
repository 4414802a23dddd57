#include "kernel/clock.hpp"

#include "kernel_support.hpp"

using namespace fl;
using kernel::Clock;
using kernel::ClockMode;

TEST_CASE("virtual time is instructions, faults and sleep") {
    test::SetWork work;
    Clock clock(ClockMode::virtual_time, work);
    CHECK(clock.elapsed_ns() == 0);
    CHECK(clock.monotonic_ns() == 0);
    CHECK(clock.timestamp_cycles() == 0);
    CHECK(clock.realtime_ns() == Clock::realtime_epoch_s * 1'000'000'000);
    work.done = {1'000, 2, 3};
    CHECK(clock.elapsed_ns() == 1'000 + 2 * 500 + 3 * 100'000);
    clock.sleep_ns(5'000'000'000);
    CHECK(clock.elapsed_ns() == 5'000'000'000 + 302'000);
    CHECK(clock.timestamp_cycles() == clock.elapsed_ns());
    CHECK(clock.realtime_ns() - Clock::realtime_epoch_s * 1'000'000'000 == clock.elapsed_ns());
}

TEST_CASE("processor time is neither sleep nor waiting for a disk") {
    test::SetWork work;
    Clock clock(ClockMode::virtual_time, work);
    work.done = {1'000, 2, 3};
    clock.sleep_ns(1'000'000);
    CHECK(clock.cpu_time().user_ns == 1'000);
    CHECK(clock.cpu_time().system_ns == 1'000);
    CHECK(clock.cpu_time().total_ns() == 2'000);
}

TEST_CASE("another cost model, another time") {
    test::SetWork work;
    Clock clock(ClockMode::virtual_time, work, kernel::CostModel{7, 11});
    work.done = {0, 1, 1};
    CHECK(clock.elapsed_ns() == 18);
}

TEST_CASE("time stops at the end of time instead of going backwards") {
    test::SetWork work;
    Clock clock(ClockMode::virtual_time, work);
    clock.sleep_ns(~std::uint64_t{0});
    const auto end = clock.monotonic_ns();
    clock.sleep_ns(1'000);
    work.done.instructions = 1'000'000;
    CHECK(clock.monotonic_ns() >= end);
    CHECK(clock.realtime_ns() >= end);
    CHECK(end == 0x7fff'ffff'ffff'ffff);
}

TEST_CASE("host time goes on, and a sleep takes as long as it says") {
    test::SetWork work;
    Clock clock(ClockMode::host, work);
    const auto before = clock.monotonic_ns();
    clock.sleep_ns(2'000'000);
    CHECK(clock.monotonic_ns() - before >= 2'000'000);
    CHECK(clock.elapsed_ns() >= 2'000'000);
    CHECK(clock.realtime_ns() > Clock::realtime_epoch_s);
}
