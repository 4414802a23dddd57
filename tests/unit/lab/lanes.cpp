#include "lab/lanes.hpp"

#include "policy_support.hpp"
#include "string_support.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace fl::lab {

namespace {

// Replays with the string's chunks and without.
void check_lanes(const PreparedString& string, const std::string& text, const std::vector<LaneOptions>& lanes) {
    CAPTURE(text);
    const auto choice = replacement::parse_policy(text);
    REQUIRE(choice.has_value());
    const auto counts = replay_lanes(string, *choice, lanes);
    REQUIRE_MESSAGE(counts.has_value(), counts.error());
    REQUIRE(counts->size() == lanes.size());
    for (std::size_t i = 0; i < lanes.size(); ++i) {
        CAPTURE(lanes[i].frames);
        const auto alone = replay(string, *choice,
                                  {.frames = lanes[i].frames, .seed = lanes[i].seed, .cost = CostFollows::references});
        REQUIRE(alone.has_value());
        CHECK((*counts)[i] == *alone);
    }
}

std::vector<LaneOptions> sizes(std::uint32_t first, std::uint32_t last, std::uint32_t step, std::uint64_t seed) {
    std::vector<LaneOptions> lanes;
    for (std::uint32_t frames = first; frames <= last; frames += step) lanes.push_back({frames, seed + frames % 3});
    return lanes;
}

}  // namespace

TEST_CASE("lanes: counts are those of a replay for each size, for every policy") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        CAPTURE(seed);
        const ReferenceString runs = random_string({seed, 600, 18, seed % 2 == 1});
        const PreparedString string(runs);
        // More than go into one pass, as there are seeds as well.
        std::vector<LaneOptions> lanes = sizes(1, 40, 1, seed);
        for (const LaneOptions& lane : sizes(1, 30, 1, seed + 7)) lanes.push_back(lane);
        for (const std::string& policy : every_policy(busy_variants)) check_lanes(string, policy, lanes);
    }
}

TEST_CASE("lanes: quiet stretches are passed over, and the counts stay") {
    const ReferenceString runs = string_of_changing_pace();
    const PreparedString string(runs);
    for (const std::string& policy : every_policy({"nru,interval=1000", "nfu-aging,interval=5000", "lirs", "lfu"}))
        check_lanes(string, policy, sizes(14, 62, 6, 1));
}

TEST_CASE("lanes: more frames than OPT looks at one by one") {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
        const ReferenceString runs = random_string({seed, 20'000, 400, seed % 2 == 1});
        const PreparedString string(runs);
        for (const char* policy : {"opt", "lru", "clock"}) check_lanes(string, policy, sizes(60, 300, 17, 0));
    }
}

TEST_CASE("lanes: few at once where there are many pages, one alone where the policy has to see each reference") {
    const ReferenceString few{Run(1), Run(2)};
    const ReferenceString many{Run(1), Run(20'000)};
    const PreparedString small(few), large(many), unprepared(few, Chunking::off);
    const auto at_once = [](const PreparedString& string, const char* policy) {
        return lanes_at_once(string, *replacement::parse_policy(policy));
    };
    CHECK(at_once(small, "clock") == 64);
    CHECK(at_once(small, "arc") == 64);
    CHECK(at_once(small, "opt") == 64);
    CHECK(at_once(large, "clock") == 6);
    CHECK(at_once(small, "lru-k") == 1);
    CHECK(at_once(small, "working-set") == 1);
    CHECK(at_once(unprepared, "clock") == 1);
}

TEST_CASE("lanes: counts that do not fit 32 bits") {
    ReferenceString runs;
    for (unsigned i = 0; i < 200; ++i)
        runs.push_back({i % 3 == 0 ? 0U : 1 + i % 5, Access::read, i % 3 == 0 ? Run::max_count : 1});
    const PreparedString string(runs);
    for (const char* policy : {"lfu", "lru", "clock", "opt"}) check_lanes(string, policy, sizes(1, 8, 1, 0));
}

TEST_CASE("lanes: no string, no lanes") {
    const ReferenceString none;
    const PreparedString string(none);
    const auto fifo = *replacement::parse_policy("fifo");
    CHECK(replay_lanes(string, fifo, {})->empty());
    const std::vector<LaneOptions> one{{3, 0}};
    CHECK(replay_lanes(string, fifo, one)->front() == ReplayCounts{});
}

}  // namespace fl::lab
