#include "lab/explain.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

namespace fl::lab {

namespace {

Explanation explained(const ReferenceString& string, const std::string& policy, const ExplainOptions& options) {
    const auto choice = replacement::parse_policy(policy);
    REQUIRE(choice.has_value());
    const PreparedString prepared(string);
    auto explanation = explain(prepared, *choice, options);
    REQUIRE_MESSAGE(explanation.has_value(), explanation.error());
    return *std::move(explanation);
}

const ReferenceString belady = {{1}, {2}, {3}, {4}, {1}, {2}, {5, Access::write}, {1}, {2}, {3}, {4}, {5}};

}  // namespace

TEST_CASE("explain: who leaves for whom, why, and whom OPT would take") {
    const Explanation explanation = explained(belady, "fifo", {.frames = 3});
    REQUIRE(explanation.evictions.size() == 6);
    const ExplainedEviction& first = explanation.evictions[0];
    CHECK(first.number == 1);
    CHECK(first.time == 4);
    CHECK(first.incoming == 4);
    CHECK(first.victim == 1);
    CHECK(first.state == "queue of 3, next out 1");
    CHECK_FALSE(first.dirty);
    CHECK(first.resident_for == 3);
    CHECK(first.last_use_ago == 3);
    CHECK(first.next_use_in == 1);
    CHECK(first.best == 3);
    CHECK(first.best_next_use_in == 6);
    CHECK_FALSE(first.lost);
    CHECK(explanation.evictions[1].lost);
    // At 10 pages 5, 1, 2 are there; 1 was used last at 8, long after it came.
    const ExplainedEviction& used = explanation.evictions[4];
    CHECK(used.time == 10);
    CHECK(used.victim == 1);
    CHECK(used.resident_for == 5);
    CHECK(used.last_use_ago == 2);
    CHECK_FALSE(used.next_use_in.has_value());
    CHECK(used.best == 1);
    CHECK(explanation.counts.faults == 9);
    CHECK(explanation.opt_counts.faults == 7);
    CHECK(explanation.lost_at == std::vector<std::uint64_t>{5, 6});
    CHECK(explanation.won == 0);
}

TEST_CASE("explain: OPT loses nothing to itself, and takes whom it should") {
    const Explanation explanation = explained(belady, "opt", {.frames = 3});
    CHECK(explanation.evictions.size() == 4);
    for (const ExplainedEviction& eviction : explanation.evictions) {
        CHECK(eviction.best_next_use_in == eviction.next_use_in);
        CHECK_FALSE(eviction.lost);
    }
    CHECK(explanation.lost_at.empty());
}

TEST_CASE("explain: a part of the evictions, with their own words and numbers") {
    const Explanation all = explained(belady, "lru-k", {.frames = 2});
    const Explanation part = explained(belady, "lru-k", {.frames = 2, .from = 5, .count = 3});
    REQUIRE(part.evictions.size() == 3);
    CHECK(part.counts == all.counts);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(part.evictions[i].number == all.evictions[i + 2].number);
        CHECK(part.evictions[i].description == all.evictions[i + 2].description);
        CHECK_FALSE(part.evictions[i].description.empty());
    }
    CHECK(explained(belady, "lru", {.frames = 2, .count = 0}).evictions.empty());
}

TEST_CASE("explain: pages that are let go, written, needed or gone") {
    const Explanation shrunk =
        explained({{1, Access::write}, {2, Access::read, 5}}, "working-set,window=3", {.frames = 4});
    REQUIRE(shrunk.evictions.size() == 1);
    CHECK(shrunk.evictions[0].incoming == replacement::no_page);
    CHECK(shrunk.evictions[0].victim == 1);
    CHECK(shrunk.evictions[0].dirty);
    CHECK(shrunk.evictions[0].description == "last use at 1");
    // The number of a page that ended is used again, which is no next use of it; and what is gone is nobody's choice.
    const Explanation gone =
        explained({{1}, {2}, Run::gone(2), {3}, Run::needed(4), Run::gone(1), {1}, {3}}, "fifo", {.frames = 2});
    REQUIRE(gone.evictions.size() == 3);
    CHECK(gone.evictions[0].incoming == 4);
    CHECK(gone.evictions[0].victim == 1);
    CHECK_FALSE(gone.evictions[0].next_use_in.has_value());
    CHECK(gone.evictions[0].best == 1);
}

}  // namespace fl::lab
