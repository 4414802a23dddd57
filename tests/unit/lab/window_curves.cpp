#include "lab/window_curves.hpp"

#include "curve_support.hpp"
#include "lab/opt.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace fl::lab {

namespace {

ReplayCounts replay_working_set(const ReferenceString& string, std::uint64_t window) {
    const auto choice = replacement::parse_policy("working-set,window=" + std::to_string(window));
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    const auto result = replay(string, *choice, {.frames = 10'000});
    REQUIRE_MESSAGE(result.has_value(), result.error());
    return *result;
}

void check_against_replays(const ReferenceString& string, const WindowCurves& curves, std::uint64_t window) {
    CAPTURE(window);
    const WindowPoint point = curves.at(window);
    CHECK(point.window == window);
    const ReplayCounts set = replay_working_set(string, window);
    CHECK(point.faults == set.faults);
    CHECK(point.working_set_sum == set.resident_sum);
    const ReplayCounts vmin = replay_vmin(string, {.window = window});
    CHECK(point.faults == vmin.faults);
    CHECK(point.vmin_sum == vmin.resident_sum);
    CHECK(point.vmin_sum <= point.working_set_sum);
}

}  // namespace

TEST_CASE("reuse times: by hand") {
    const ReferenceString string = {{1, Access::write, 3}, {2}, {1}, Run::gone(1), {2}, {1, Access::read, 2}, {3}};
    const ReuseTimes times = reuse_times(string);
    CHECK(times.references == 9);
    CHECK(times.first_uses == 4);
    // 1 at 1, 2, 3, 5 and, as another page, at 7, 8; 2 at 4, 6; 3 at 9.
    CHECK(times.again == CountedNumbers::Counts{{1, 3}, {2, 2}});
    // 1 until its end, which is before reference 6; the others until the end, which is before reference 10.
    CHECK(times.last == CountedNumbers::Counts{{1, 2}, {2, 1}, {4, 1}});
}

TEST_CASE("reuse times: numbers of all sizes are counted, and come in order") {
    std::mt19937_64 random(1);
    CountedNumbers counted;
    std::map<std::uint64_t, std::uint64_t> expected;
    for (int i = 0; i < 800'000; ++i) {
        const std::uint64_t number = (random() % 3000) << (random() % 24);
        const std::uint64_t count = 1 + random() % 3;
        counted.add(number, count);
        expected[number] += count;
    }
    CHECK(counted.take() == CountedNumbers::Counts(expected.begin(), expected.end()));
}

TEST_CASE("window curves: a string without references") {
    const WindowCurves curves(reuse_times({}));
    REQUIRE(curves.points().size() == 1);
    CHECK(curves.at(1).faults == 0);
    CHECK(curves.at(100).working_set_sum == 0);
    CHECK(curves.working_set_pages(curves.at(100)) == 0);
}

TEST_CASE("window curves: faults and memory of textbooks") {
    for (const auto& [name, entry] : textbook_strings().items()) {
        CAPTURE(name);
        const WindowCurves curves(reuse_times(textbook_string(entry)));
        for (std::size_t i = 0; i < entry.at("ws").size(); ++i) {
            const WindowPoint point = curves.at(i + 1);
            CHECK(point.faults == entry["ws"][i][0].get<std::uint64_t>());
            CHECK(point.working_set_sum == entry["ws"][i][1].get<std::uint64_t>());
            CHECK(point.faults == entry["vmin"][i][0].get<std::uint64_t>());
            CHECK(point.vmin_sum == entry["vmin"][i][1].get<std::uint64_t>());
        }
    }
}

TEST_CASE("window curves: as replays of the working set and of VMIN at each window") {
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
        for (const std::uint32_t gone_every : {0U, 30U, 4U}) {
            const std::uint32_t pages = 2 + static_cast<std::uint32_t>(seed * 7 % 50);
            const ReferenceString string =
                string_of_shape({.seed = seed, .runs = 300, .pages = pages, .gone_every = gone_every});
            CAPTURE(seed);
            CAPTURE(gone_every);
            const WindowCurves curves(reuse_times(string));
            CHECK(curves.references() == reference_count(string));
            const std::uint64_t end = reference_count(string) + 2;
            for (std::uint64_t window = 1; window <= end; window += 1 + window / 16)
                check_against_replays(string, curves, window);
            for (const WindowPoint& point : curves.points()) check_against_replays(string, curves, point.window);
            CHECK(curves.points().back().faults == curves.compulsory());
            CHECK(curves.points().back().working_set_slope == 0);
        }
    }
}

TEST_CASE("window curves: counts that would not fit into memory one by one") {
    const ReferenceString string = {{1, Access::read, 2'000'000'000}, {2, Access::read, 2'000'000'000}, {1}, {2}};
    const WindowCurves curves(reuse_times(string));
    CHECK(curves.references() == 4'000'000'002);
    CHECK(curves.at(2'000'000'000).faults == 3);
    // 1 comes back after 2,000,000,001 references, and 2 after 2.
    CHECK(curves.at(1).faults == 4);
    CHECK(curves.at(2).faults == 3);
    CHECK(curves.at(2'000'000'001).faults == 2);
    CHECK(replay_vmin(string, {.window = 2'000'000'001}).resident_sum == curves.at(2'000'000'001).vmin_sum);
    CHECK(curves.at(2'000'000'001).vmin_sum == 4'000'000'002 + 2'000'000'000 + 1);
}

}  // namespace fl::lab
