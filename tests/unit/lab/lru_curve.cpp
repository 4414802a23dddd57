#include "lab/lru_curve.hpp"

#include "curve_support.hpp"
#include "lab/lru_stack.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <vector>

namespace fl::lab {

namespace {

// LRU with a list, in as few lines as can be. A needed page is used.
std::uint64_t plain_lru_faults(const ReferenceString& string, std::size_t frames) {
    std::list<PageId> memory;
    std::uint64_t faults = 0;
    for (const Run& run : string) {
        const auto found = std::find(memory.begin(), memory.end(), run.page);
        const bool is_resident = found != memory.end();
        if (is_resident) memory.erase(found);
        if (run.is_gone()) continue;
        if (!is_resident) {
            ++faults;
            if (memory.size() == frames) memory.pop_back();
        }
        memory.push_front(run.page);
    }
    return faults;
}

}  // namespace

TEST_CASE("LRU curve: by hand") {
    // 1 2 3 end; 3 is used from below the hole that 2 leaves, then 4 takes the frame of 2 or of 3's old place.
    const ReferenceString string = {{1, Access::write, 5}, {2}, {3}, Run::gone(2), {1}, {4}, {3}, {1}};
    const MissCurve curve = lru_curve(string);
    CHECK(curve.references() == 11);
    CHECK(curve.compulsory() == 4);
    CHECK(curve.faults(1) == 7);
    // 2 frames: 3, and a free frame for 1; 4 for 3, 3 for 1, 1 for 4.
    CHECK(curve.faults(2) == 7);
    CHECK(curve.faults(3) == 4);
    CHECK(curve.faults(4) == 4);
    CHECK(curve.faults(1'000'000) == 4);
    CHECK(curve.enough_frames() == 3);
    CHECK(curve.miss_ratio(2) == doctest::Approx(7.0 / 11));
}

TEST_CASE("LRU curve: strings without references, and of one page") {
    const MissCurve nothing = lru_curve({});
    CHECK(nothing.faults(1) == 0);
    CHECK(nothing.miss_ratio(1) == 0);
    CHECK(nothing.enough_frames() == 1);
    const MissCurve events = lru_curve({Run::gone(3), Run::needed(2), Run::gone(2)});
    CHECK(events.references() == 0);
    CHECK(events.faults(1) == 1);
    const MissCurve one = lru_curve({{7, Access::read, 9}, {7, Access::write}, Run::gone(7), {7}});
    CHECK(one.references() == 11);
    CHECK(one.compulsory() == 2);
    CHECK(one.faults(1) == 2);
    CHECK(one.enough_frames() == 1);
}

TEST_CASE("LRU curve: stack distances and faults of textbooks") {
    for (const auto& [name, entry] : textbook_strings().items()) {
        CAPTURE(name);
        const ReferenceString string = textbook_string(entry);
        LruStack stack(page_limit(string));
        std::vector<std::size_t> distances;
        for (const Run& run : string) distances.push_back(stack.use(run.page));
        CHECK(distances == entry.at("stack_distances").get<std::vector<std::size_t>>());
        const MissCurve curve = lru_curve(string);
        const auto& faults = entry.at("faults").at("lru");
        for (std::size_t i = 0; i < faults.size(); ++i) CHECK(curve.faults(i + 1) == faults[i].get<std::uint64_t>());
    }
}

TEST_CASE("LRU curve: as many faults as replays have at each number of frames") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        for (const std::uint32_t gone_every : {0U, 30U, 4U}) {
            const std::uint32_t pages = 2 + static_cast<std::uint32_t>(seed * 7 % 50);
            const ReferenceString string =
                string_of_shape({.seed = seed, .runs = 600, .pages = pages, .gone_every = gone_every});
            CAPTURE(seed);
            CAPTURE(gone_every);
            const MissCurve curve = lru_curve(string);
            CHECK(curve.references() == reference_count(string));
            for (std::uint32_t frames = 1; frames <= pages + 1; ++frames) {
                CAPTURE(frames);
                CHECK(curve.faults(frames) == replay_faults(string, "lru", frames));
                CHECK(curve.faults(frames) == plain_lru_faults(string, frames));
            }
            CHECK(curve.faults(curve.enough_frames()) == curve.compulsory());
            if (curve.enough_frames() > 1) CHECK(curve.faults(curve.enough_frames() - 1) > curve.compulsory());
        }
    }
}

TEST_CASE("LRU curve: with many pages, whose places are renumbered again and again") {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        for (const std::uint32_t gone_every : {0U, 5U}) {
            const ReferenceString string =
                string_of_shape({.seed = seed, .runs = 12'000, .pages = 900, .gone_every = gone_every});
            CAPTURE(seed);
            const MissCurve curve = lru_curve(string);
            for (const std::uint32_t frames :
                 {1U, 2U, 15U, 16U, 17U, 18U, 64U, 200U, 449U, 450U, 451U, 700U, 899U, 900U})
                CHECK(curve.faults(frames) == replay_faults(string, "lru", frames));
        }
    }
}

}  // namespace fl::lab
