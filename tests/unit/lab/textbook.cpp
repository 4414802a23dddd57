// Every answer of tests/data/textbook-strings.json, and the few that were checked by hand.
#include "lab/opt.hpp"
#include "lab/replay.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace fl::lab {

namespace {

const nlohmann::json& textbook() {
    static const nlohmann::json data = [] {
        std::ifstream file(FAULTLINE_TEST_DATA "/textbook-strings.json");
        return nlohmann::json::parse(file).at("strings");
    }();
    return data;
}

ReferenceString string_of(const std::vector<PageId>& pages) {
    ReferenceString string;
    for (const PageId page : pages) string.push_back({page});
    return string;
}

ReplayCounts counts(const ReferenceString& string, const std::string& policy, std::uint32_t frames) {
    const auto choice = replacement::parse_policy(policy);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    const auto result = replay(string, *choice, {.frames = frames});
    REQUIRE_MESSAGE(result.has_value(), result.error());
    CHECK(result->references == expanded(string).size());
    return *result;
}

std::uint64_t faults(const std::vector<PageId>& pages, const std::string& policy, std::uint32_t frames) {
    return counts(string_of(pages), policy, frames).faults;
}

const std::vector<PageId> belady = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5};
const std::vector<PageId> silberschatz = {7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1};
// As many frames as a variable allocation can want.
constexpr std::uint32_t plenty = 100;

}  // namespace

TEST_CASE("textbook: fault counts by policy and frames") {
    std::size_t answers = 0;
    for (const auto& [name, entry] : textbook().items()) {
        CAPTURE(name);
        const auto string = string_of(entry.at("string").get<std::vector<PageId>>());
        for (const auto& [policy, by_frames] : entry.at("faults").items()) {
            CAPTURE(policy);
            for (std::size_t i = 0; i < by_frames.size(); ++i) {
                if (by_frames[i].is_null()) continue;
                CAPTURE(i + 1);
                CHECK(counts(string, policy, static_cast<std::uint32_t>(i + 1)).faults ==
                      by_frames[i].get<std::uint64_t>());
                ++answers;
            }
        }
    }
    CHECK(answers > 1000);
}

TEST_CASE("textbook: LRU stack distances give its faults at every size") {
    for (const auto& [name, entry] : textbook().items()) {
        CAPTURE(name);
        const auto string = string_of(entry.at("string").get<std::vector<PageId>>());
        const auto distances = entry.at("stack_distances").get<std::vector<std::uint32_t>>();
        for (std::uint32_t frames = 1; frames < 10; ++frames) {
            const auto misses = std::count_if(distances.begin(), distances.end(), [&](std::uint32_t distance) {
                return distance == 0 || distance > frames;
            });
            CHECK(counts(string, "lru", frames).faults == static_cast<std::uint64_t>(misses));
        }
    }
}

TEST_CASE("textbook: working set and VMIN, faults and memory by window") {
    for (const auto& [name, entry] : textbook().items()) {
        CAPTURE(name);
        const auto string = string_of(entry.at("string").get<std::vector<PageId>>());
        for (std::size_t i = 0; i < entry.at("ws").size(); ++i) {
            CAPTURE(i + 1);
            const ReplayCounts set = counts(string, "working-set,window=" + std::to_string(i + 1), plenty);
            CHECK(set.faults == entry["ws"][i][0].get<std::uint64_t>());
            CHECK(set.resident_sum == entry["ws"][i][1].get<std::uint64_t>());
            const ReplayCounts vmin = replay_vmin(string, {.window = i + 1});
            CHECK(vmin.faults == entry["vmin"][i][0].get<std::uint64_t>());
            CHECK(vmin.resident_sum == entry["vmin"][i][1].get<std::uint64_t>());
        }
    }
}

TEST_CASE("textbook: page fault frequency by threshold") {
    for (const auto& [name, entry] : textbook().items()) {
        CAPTURE(name);
        const auto string = string_of(entry.at("string").get<std::vector<PageId>>());
        for (std::size_t i = 0; i < entry.at("pff").size(); ++i) {
            CAPTURE(i + 1);
            CHECK(counts(string, "pff,threshold=" + std::to_string(i + 1), plenty).faults ==
                  entry["pff"][i].get<std::uint64_t>());
        }
    }
}

TEST_CASE("textbook: counted by hand") {
    CHECK(faults(belady, "fifo", 3) == 9);
    CHECK(faults(belady, "fifo", 4) == 10);
    CHECK(faults(belady, "clock", 3) == 9);
    CHECK(faults(belady, "clock", 4) == 10);
    CHECK(faults(belady, "lru", 3) == 10);
    CHECK(faults(belady, "lru", 4) == 8);
    CHECK(faults(belady, "opt", 3) == 7);
    CHECK(faults(belady, "opt", 4) == 6);
    CHECK(faults(silberschatz, "fifo", 3) == 15);
    CHECK(faults(silberschatz, "lru", 3) == 12);
    CHECK(faults(silberschatz, "opt", 3) == 9);
    CHECK(faults(silberschatz, "clock", 3) == 14);
    CHECK(faults(silberschatz, "clock,load=0", 3) == 11);
    CHECK(faults(silberschatz, "mru", 3) == 16);
    std::vector<PageId> loop;
    for (int round = 0; round < 6; ++round)
        for (PageId page = 1; page <= 5; ++page) loop.push_back(page);
    for (const char* policy : {"fifo", "lru", "clock"}) CHECK(faults(loop, policy, 4) == 30);
    for (const char* policy : {"opt", "mru"}) CHECK(faults(loop, policy, 4) == 11);
}

}  // namespace fl::lab
