// The fast replay tells the same story as the simple one: every fault, every eviction and every count, for every
// policy.
#include "lab/prepared_string.hpp"
#include "lab/replay.hpp"
#include "policy_support.hpp"
#include "simple_replay_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace fl::lab {

namespace {

struct StringShape {
    std::uint64_t seed;
    std::size_t runs;
    std::uint32_t pages;
    bool has_events;
};

// Pairs of pages that alternate, as code and data do, moving on now and then; runs, writes, pages that end or are
// needed.
ReferenceString random_string(const StringShape& shape) {
    std::mt19937_64 random(shape.seed);
    ReferenceString string;
    std::uint64_t base = 0;
    const std::uint64_t stay = 1 + shape.seed % 30;
    for (std::size_t i = 0; i < shape.runs; ++i) {
        if (random() % stay == 0) base = random() % shape.pages;
        const auto page =
            static_cast<PageId>((base + (i % 2) * 3 + (random() % 4 == 0 ? random() % 5 : 0)) % shape.pages);
        const std::uint64_t kind = random() % 64;
        if (shape.has_events && kind < 2) {
            string.push_back(Run::gone(page));
        } else if (shape.has_events && kind < 4) {
            string.push_back(Run::needed(page));
        } else {
            const auto count = static_cast<std::uint32_t>(kind % 4 == 0 ? 1 + random() % 9 : 1);
            string.push_back({page, kind % 3 == 0 ? Access::write : Access::read, count});
        }
    }
    return string;
}

const std::vector<std::string> variants = {"clock,load=0",
                                           "sieve,load=1",
                                           "lfu,history=forever",
                                           "nru,form=random,interval=13",
                                           "lru-k,correlated=2",
                                           "nfu-aging,form=nfu,interval=7",
                                           "nfu-aging,interval=1",
                                           "s3-fifo,promote=1",
                                           "working-set,window=60",
                                           "pff,threshold=3",
                                           "wsclock,window=3,writes=1"};

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
        for (const std::string& policy : every_policy(variants))
            for (const std::uint32_t frames : {1U, 2U, 3U, 4U, 5U, 8U, 13U, 18U, 30U})
                check_same_story(string, policy, {.frames = frames, .seed = seed});
    }
}

TEST_CASE("replay: the pace changes and the story stays") {
    // Quiet stretches in which hardly anything faults, and thrashing ones, each long enough to be noticed.
    std::mt19937_64 random(7);
    ReferenceString runs;
    for (unsigned stretch = 0; stretch < 4; ++stretch) {
        const bool is_quiet = stretch % 2 == 0;
        for (std::size_t i = 0; i < (is_quiet ? 150'000U : 3'000U); ++i) {
            const std::uint64_t page = is_quiet && random() % 4000 != 0 ? random() % 12 : random() % 60;
            const std::uint64_t kind = random() % 5000;
            if (kind == 0) {
                runs.push_back(Run::gone(static_cast<PageId>(page)));
            } else if (kind == 1) {
                runs.push_back(Run::needed(static_cast<PageId>(page)));
            } else {
                runs.push_back({static_cast<PageId>(page), kind % 7 == 0 ? Access::write : Access::read,
                                static_cast<std::uint32_t>(1 + kind % 3)});
            }
        }
    }
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
