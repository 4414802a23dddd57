#include "kernel/load_average.hpp"

#include <doctest/doctest.h>

using namespace fl::kernel;

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000, minute_ns = 60 * second_ns;
double value(std::uint64_t load) { return static_cast<double>(load) / (1U << LoadAverage::shift); }

}  // namespace

TEST_CASE("load: one task for a minute is 1 - 1/e on average over a minute") {
    LoadAverage load;
    load.advance(minute_ns, 1);
    CHECK(value(load.loads()[0]) == doctest::Approx(0.632).epsilon(0.01));
    CHECK(value(load.loads()[1]) == doctest::Approx(0.181).epsilon(0.02));
    CHECK(value(load.loads()[2]) == doctest::Approx(0.064).epsilon(0.03));
}

TEST_CASE("load: it does not matter how often it is asked, and it goes away again") {
    LoadAverage once, often;
    once.advance(10 * minute_ns, 3);
    for (std::uint64_t now = 0; now <= 10 * minute_ns; now += second_ns) often.advance(now, 3);
    CHECK(once.loads() == often.loads());
    CHECK(value(once.loads()[0]) == doctest::Approx(3).epsilon(0.001));
    once.advance(40 * minute_ns, 0);
    CHECK(once.loads()[0] == 0);
    // A very long time is no long work.
    once.advance(~std::uint64_t{0} / 2, 2);
    CHECK(value(once.loads()[2]) == doctest::Approx(2).epsilon(0.001));
}
