// The fast replay tells the same story as the simple one: every fault, every eviction and every count, for every
// policy.
#include "lab/prepared_string.hpp"
#include "lab/replay.hpp"
#include "policy_support.hpp"
#include "simple_replay_support.hpp"
#include "string_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace fl::lab {

namespace {

void check_same_story(const PreparedString& string, const std::string& text, const ReplayOptions& options) {
    CAPTURE(text);
    CAPTURE(options.frames);
    const auto choice = replacement::parse_policy(text);
    REQUIRE(choice.has_value());
    const ReplayStory simple = simple_replay(string.string(), *choice, options);
    for (const CostFollows cost : {CostFollows::references, CostFollows::faults}) {
        CAPTURE(cost);
        StoryTeller teller;
        ReplayOptions observed = options;
        observed.cost = cost;
        observed.observer = &teller;
        const auto counts = replay(string, *choice, observed);
        REQUIRE_MESSAGE(counts.has_value(), counts.error());
        CHECK(*counts == simple.counts);
        CHECK(teller.events == simple.events);
    }
}

}  // namespace

TEST_CASE("replay: every policy's story, at every size from 1, is that of the simple replay") {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        CAPTURE(seed);
        const ReferenceString runs = random_string({seed, 300, 18, seed % 2 == 1});
        const PreparedString string(runs);
        for (const std::string& policy : every_policy(busy_variants))
            for (const std::uint32_t frames : {1U, 2U, 3U, 4U, 5U, 8U, 13U, 18U, 30U})
                check_same_story(string, policy, {.frames = frames, .seed = seed});
    }
}

TEST_CASE("replay: the pace changes and the story stays") {
    const ReferenceString runs = string_of_changing_pace();
    const PreparedString string(runs);
    for (const char* policy :
         {"fifo", "clock", "sieve", "nru", "wsclock,window=500", "linux-2list", "pff,threshold=100", "lru", "lirs",
          "working-set,window=2000", "nfu-aging,interval=1000"})
        check_same_story(string, policy, {.frames = 20});
}

TEST_CASE("occurrences: of pages, writes, events, and references before a run") {
    ReferenceString string;
    for (std::uint32_t i = 0; i < 200; ++i) {
        string.push_back({i % 3, i % 2 == 0 ? Access::write : Access::read, i + 1});
        if (i % 50 == 49) string.push_back(Run::gone(1));
    }
    const Occurrences occurrences(string, page_limit(string));
    std::uint64_t references = 0;
    std::vector<std::vector<std::uint32_t>> all(3), writes(3);
    std::vector<std::uint32_t> events;
    for (std::uint32_t i = 0; i < string.size(); ++i) {
        CHECK(occurrences.references_before(i) == references);
        references += string[i].count;
        all[string[i].page].push_back(i);
        if (!string[i].is_reference()) events.push_back(i);
        if (string[i].is_reference() && string[i].access == Access::write) writes[string[i].page].push_back(i);
    }
    CHECK(occurrences.references_before(static_cast<std::uint32_t>(string.size())) == references);
    for (PageId page = 0; page < 3; ++page) {
        CHECK(std::ranges::equal(occurrences.of(page), all[page]));
        CHECK(std::ranges::equal(occurrences.writes_of(page), writes[page]));
        for (std::uint32_t limit = 0; limit <= string.size(); ++limit) {
            const auto below = std::lower_bound(all[page].begin(), all[page].end(), limit) - all[page].begin();
            for (const std::uint32_t known :
                 {0U, static_cast<std::uint32_t>(below / 2), static_cast<std::uint32_t>(below)})
                CHECK(count_below(all[page], limit, known) == below);
        }
    }
    CHECK(std::ranges::equal(occurrences.events(), events));
    CHECK(Occurrences({}, 0).references_before(0) == 0);
}

}  // namespace fl::lab
