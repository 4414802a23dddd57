// What holds for every string: bounds, inclusion, and what may be left out of a string.
#include "curve_support.hpp"
#include "lab/opt.hpp"
#include "lab/replay.hpp"
#include "policy_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace fl::lab {

namespace {

using replacement::Needs;
using replacement::PolicyChoice;

PolicyChoice choice_of(const std::string& text) {
    const auto choice = replacement::parse_policy(text);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    return *choice;
}

ReplayCounts counts(const ReferenceString& string, const std::string& policy, const ReplayOptions& options) {
    CAPTURE(policy);
    const auto result = replay(string, choice_of(policy), options);
    REQUIRE_MESSAGE(result.has_value(), result.error());
    return *result;
}

// Pages with runs of references, some of them writes: uniform, Zipf-like, loops, phases.
ReferenceString random_string(std::uint64_t seed, std::size_t runs, std::uint32_t pages) {
    std::mt19937_64 random(seed);
    ReferenceString string;
    std::uint64_t base = 0;
    for (std::size_t i = 0; i < runs; ++i) {
        std::uint64_t page = random() % pages;
        if (seed % 4 == 1) page = page * page / pages;
        if (seed % 4 == 2 && random() % 8 != 0) page = i % (pages / 2 + 1);
        if (seed % 4 == 3) {
            if (random() % 50 == 0) base = page;
            page = (base + page / 3) % pages;
        }
        const auto count = static_cast<std::uint32_t>(random() % 4 == 0 ? 1 + random() % 6 : 1);
        string.push_back({static_cast<PageId>(page), random() % 3 == 0 ? Access::write : Access::read, count});
    }
    return string;
}

std::uint64_t distinct(const ReferenceString& string) {
    std::set<PageId> pages;
    for (const Run& run : string) pages.insert(run.page);
    return pages.size();
}

const std::vector<std::string> variants = {
    "clock,load=0",       "lfu,history=forever",           "nru,form=random,interval=13",
    "lru-k,correlated=2", "nfu-aging,form=nfu,interval=7", "s3-fifo,promote=1"};

// The resident pages after each reference of a string.
class Residency final : public ReplayObserver {
public:
    void on_fault(std::uint64_t time, PageId page) override {
        fill(time);
        now_.insert(page);
    }
    void on_eviction(std::uint64_t time, PageId page, bool) override {
        fill(time);
        now_.erase(page);
    }
    const std::vector<std::set<PageId>>& finish(std::uint64_t references) {
        fill(references + 1);
        return after;
    }

private:
    void fill(std::uint64_t time) {
        while (after.size() + 1 < time) after.push_back(now_);
    }
    std::set<PageId> now_;
    std::vector<std::set<PageId>> after;
};

}  // namespace

TEST_CASE("properties: OPT has the fewest faults of all choices of victims") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const ReferenceString string = random_string(seed, 24, 6);
        for (std::uint32_t frames = 1; frames <= 5; ++frames) {
            CHECK(counts(string, "opt", {.frames = frames}).faults == fewest_faults(string, frames));
        }
    }
}

TEST_CASE("properties: no policy beats OPT, and none has fewer faults than there are pages") {
    const std::vector<std::string> policies = every_policy(variants);
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
        const ReferenceString string = random_string(seed, 400, 25);
        const std::uint64_t references = expanded(string).size();
        for (const std::uint32_t frames : {1U, 2U, 3U, 4U, 7U, 12U, 24U, 25U, 40U}) {
            const std::uint64_t best = counts(string, "opt", {.frames = frames}).faults;
            for (const std::string& policy : policies) {
                CAPTURE(policy);
                CAPTURE(frames);
                const ReplayCounts result = counts(string, policy, {.frames = frames});
                CHECK(result.references == references);
                CHECK(result.faults >= best);
                CHECK(result.faults - result.refaults == distinct(string));
                CHECK(result.faults - result.evictions() <= frames);
                CHECK(result.resident_sum <= references * frames);
                const bool is_variable = policy.starts_with("working-set") || policy.starts_with("pff");
                if (frames >= 25 && !is_variable) CHECK(result.faults == distinct(string));
            }
        }
    }
}

TEST_CASE("properties: a run is as good as its references one by one, and a check changes nothing") {
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
        const ReferenceString string = random_string(seed, 400, 25);
        for (const std::uint32_t frames : {1U, 2U, 3U, 8U, 16U}) {
            for (const std::string& policy : every_policy(variants)) {
                CAPTURE(policy);
                CAPTURE(frames);
                const ReplayCounts result = counts(string, policy, {.frames = frames});
                CHECK(result == counts(expanded(string), policy, {.frames = frames}));
                CHECK(result == counts(collapsed(expanded(string)), policy, {.frames = frames}));
                CHECK(result == counts(string, policy, {.frames = frames, .checks = Checks::on}));
            }
        }
    }
}

TEST_CASE("properties: FIFO, LRU, OPT and CLOCK do not see repeated references") {
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
        const ReferenceString string = random_string(seed, 400, 20);
        ReferenceString once;
        for (const Run& run : string)
            if (once.empty() || once.back().page != run.page) once.push_back({run.page});
        bool clock_without_load_differs = false;
        for (std::uint32_t frames = 1; frames < 20; ++frames) {
            for (const char* policy : {"fifo", "lru", "opt", "clock", "second-chance"})
                CHECK(counts(string, policy, {.frames = frames}).faults ==
                      counts(once, policy, {.frames = frames}).faults);
            clock_without_load_differs |= counts(string, "clock,load=0", {.frames = frames}).faults !=
                                          counts(once, "clock,load=0", {.frames = frames}).faults;
        }
        CHECK(clock_without_load_differs);
    }
}

TEST_CASE("properties: with more frames a stack policy holds what it held with fewer, and more") {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
        const ReferenceString string = random_string(seed, 300, 15);
        for (const char* policy : {"lru", "mru", "lfu,history=forever", "opt"}) {
            CAPTURE(policy);
            std::vector<std::set<PageId>> smaller;
            for (std::uint32_t frames = 1; frames <= 15; ++frames) {
                Residency residency;
                const ReplayCounts result = counts(string, policy, {.frames = frames, .observer = &residency});
                const auto& larger = residency.finish(result.references);
                REQUIRE(larger.size() == result.references);
                bool includes = true;
                for (std::size_t i = 0; i < smaller.size(); ++i)
                    includes &= std::includes(larger[i].begin(), larger[i].end(), smaller[i].begin(), smaller[i].end());
                CHECK(includes);
                smaller = larger;
            }
        }
    }
}

TEST_CASE("properties: CLOCK and second chance are one policy") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        const ReferenceString string = random_string(seed, 500, 30);
        for (const std::uint32_t frames : {1U, 2U, 3U, 8U, 16U, 29U})
            CHECK(counts(string, "clock", {.frames = frames}) == counts(string, "second-chance", {.frames = frames}));
    }
}

TEST_CASE("properties: LRU keeps Sleator and Tarjan's bound") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        const ReferenceString string = random_string(seed, 600, 30);
        for (const std::uint32_t k : {2U, 5U, 10U, 20U}) {
            const std::uint64_t lru = counts(string, "lru", {.frames = k}).faults;
            for (std::uint32_t h = 1; h <= k; ++h)
                CHECK(lru * (k - h + 1) <= k * counts(string, "opt", {.frames = h}).faults + h * (k - h + 1));
        }
    }
}

TEST_CASE("properties: on independent references FIFO has as many faults as random, in the long run") {
    std::mt19937_64 random(5);
    ReferenceString string;
    for (int i = 0; i < 300'000; ++i) {
        const std::uint64_t page = random() % 100;
        string.push_back({static_cast<PageId>(page * page / 100)});
    }
    for (const std::uint32_t frames : {5U, 20U, 50U}) {
        const auto fifo = static_cast<double>(counts(string, "fifo", {.frames = frames}).faults);
        const auto any = static_cast<double>(counts(string, "random", {.frames = frames, .seed = 3}).faults);
        CHECK(fifo / any == doctest::Approx(1).epsilon(0.01));
    }
}

TEST_CASE("properties: VMIN has as many faults as the working set, with no more memory") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        const ReferenceString string = random_string(seed, 300, 30);
        for (const std::uint64_t window : {1U, 2U, 3U, 10U, 50U, 1000U}) {
            const ReplayCounts set = counts(string, "working-set,window=" + std::to_string(window), {.frames = 30});
            const ReplayCounts vmin = replay_vmin(string, {.window = window});
            CHECK(vmin.faults == set.faults);
            CHECK(vmin.resident_sum <= set.resident_sum);
        }
    }
}

}  // namespace fl::lab
