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

namespace {

// What the vDSO's code does with the page, as loader/vdso/time_page.h says.
std::uint64_t computed_ns(const fl_time_page& page, std::uint64_t cycles, std::uint64_t base_ns) {
    return base_ns + ((cycles - page.base_cycles) * page.multiplier >> page.shift);
}

}  // namespace

TEST_CASE("the time page tells the clock's time, in both modes") {
    test::SetWork work;
    work.done = {123'456'789, 2, 3};
    for (const ClockMode mode : {ClockMode::virtual_time, ClockMode::host}) {
        Clock clock(mode, work);
        fl_time_page page{};
        clock.publish_to(page);
        CHECK(page.sequence % 2 == 0);
        CHECK(page.tick_ns == Clock::tick_ns);
        CHECK(page.resolution_ns == Clock::resolution_ns);
        const auto monotonic_before = clock.monotonic_ns(), realtime_before = clock.realtime_ns();
        const auto cycles = clock.timestamp_cycles();
        const auto monotonic_after = clock.monotonic_ns(), realtime_after = clock.realtime_ns();
        const auto monotonic = computed_ns(page, cycles, page.monotonic_base_ns);
        const auto realtime = computed_ns(page, cycles, page.realtime_base_ns);
        CHECK((monotonic_before <= monotonic && monotonic <= monotonic_after));
        CHECK((realtime_before <= realtime && realtime <= realtime_after));
    }
}
