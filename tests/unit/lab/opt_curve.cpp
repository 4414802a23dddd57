#include "lab/opt_curve.hpp"

#include "curve_support.hpp"
#include "lab/lru_curve.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace fl::lab {

TEST_CASE("OPT curve: by hand") {
    // With 2 frames 1 stays for its second use and 2 does not; the end of 1 makes room for 3 beside 2.
    const ReferenceString string = {{1, Access::write, 2}, {2}, {3}, {1, Access::read, 3}, Run::gone(1), {2}, {3}, {2}};
    const MissCurve curve = opt_curve(string);
    CHECK(curve.references() == 10);
    CHECK(curve.compulsory() == 3);
    CHECK(curve.faults(1) == 7);
    CHECK(curve.faults(2) == 4);
    CHECK(curve.faults(3) == 3);
    CHECK(curve.enough_frames() == 3);
}

TEST_CASE("OPT curve: strings without references, and of one page") {
    CHECK(opt_curve({}).faults(1) == 0);
    CHECK(opt_curve({Run::gone(3), Run::needed(2), Run::gone(2)}).faults(1) == 1);
    const MissCurve one = opt_curve({{7, Access::read, 9}, {7, Access::write}, Run::gone(7), {7}});
    CHECK(one.references() == 11);
    CHECK(one.faults(1) == 2);
    CHECK(one.enough_frames() == 1);
}

TEST_CASE("OPT curve: faults of textbooks") {
    for (const auto& [name, entry] : textbook_strings().items()) {
        CAPTURE(name);
        const MissCurve curve = opt_curve(textbook_string(entry));
        const auto& faults = entry.at("faults").at("opt");
        for (std::size_t i = 0; i < faults.size(); ++i) CHECK(curve.faults(i + 1) == faults[i].get<std::uint64_t>());
    }
}

TEST_CASE("OPT curve: no choice of victims has fewer faults") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const ReferenceString string =
            string_of_shape({.seed = seed, .runs = 24, .pages = 6, .gone_every = seed % 2 == 0 ? 0U : 6U});
        CAPTURE(seed);
        const MissCurve curve = opt_curve(string);
        for (std::size_t frames = 1; frames <= 6; ++frames) {
            CHECK(curve.faults(frames) == fewest_faults(string, frames));
        }
    }
}

TEST_CASE("OPT curve: as many faults as replays have at each number of frames, and no more than LRU") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        for (const std::uint32_t gone_every : {0U, 30U, 4U}) {
            const std::uint32_t pages = 2 + static_cast<std::uint32_t>(seed * 7 % 50);
            const ReferenceString string =
                string_of_shape({.seed = seed, .runs = 600, .pages = pages, .gone_every = gone_every});
            CAPTURE(seed);
            CAPTURE(gone_every);
            const MissCurve curve = opt_curve(string);
            const MissCurve lru = lru_curve(string);
            CHECK(curve.references() == lru.references());
            CHECK(curve.compulsory() == lru.compulsory());
            for (std::uint32_t frames = 1; frames <= pages + 1; ++frames) {
                CAPTURE(frames);
                CHECK(curve.faults(frames) == replay_faults(string, "opt", frames));
                CHECK(curve.faults(frames) <= lru.faults(frames));
            }
        }
    }
}

TEST_CASE("OPT curve: with many pages, whose slots are renumbered again and again") {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        for (const std::uint32_t gone_every : {0U, 5U}) {
            const ReferenceString string =
                string_of_shape({.seed = seed, .runs = 12'000, .pages = 900, .gone_every = gone_every});
            CAPTURE(seed);
            const MissCurve curve = opt_curve(string);
            const MissCurve lru = lru_curve(string);
            for (const std::uint32_t frames : {1U, 2U, 3U, 8U, 31U, 33U, 64U, 200U, 450U, 700U, 899U, 900U}) {
                CHECK(curve.faults(frames) == replay_faults(string, "opt", frames));
                CHECK(curve.faults(frames) <= lru.faults(frames));
            }
        }
    }
}

}  // namespace fl::lab
