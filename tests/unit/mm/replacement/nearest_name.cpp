#include "mm/replacement/nearest_name.hpp"

#include <doctest/doctest.h>

namespace fl::replacement {

namespace {

const std::vector<std::string_view> options = {"--mem",   "--frames", "--policy", "--scope", "--swap", "--swap-file",
                                               "--trace", "--stats",  "--seed",   "--root",  "-n"};
const std::vector<std::string_view> policies = {"2q",  "arc", "clock", "clock-pro", "fifo",          "lfu", "lru",
                                                "mru", "nru", "opt",   "sieve",     "second-chance", "car"};

}  // namespace

TEST_CASE("edit_distance: letters changed, added, left out, and swapped with their neighbour") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("abc", "abc") == 0);
    CHECK(edit_distance("abc", "abx") == 1);
    CHECK(edit_distance("abc", "ac") == 1);
    CHECK(edit_distance("abc", "abbc") == 1);
    CHECK(edit_distance("abc", "acb") == 1);
    CHECK(edit_distance("abcd", "badc") == 2);
    CHECK(edit_distance("kitten", "sitting") == 3);
    // No letter is edited twice: without that it would be 2.
    CHECK(edit_distance("ca", "abc") == 3);
}

TEST_CASE("edit_distance: is the same in both directions") {
    for (const std::string_view a : policies)
        for (const std::string_view b : policies) CHECK(edit_distance(a, b) == edit_distance(b, a));
}

TEST_CASE("nearest_name: misspellings") {
    CHECK(nearest_name("--polcy", options) == "--policy");
    CHECK(nearest_name("--poilcy", options) == "--policy");
    CHECK(nearest_name("--frame", options) == "--frames");
    CHECK(nearest_name("--swapfile", options) == "--swap-file");
    CHECK(nearest_name("clok", policies) == "clock");
    CHECK(nearest_name("clockpro", policies) == "clock-pro");
    CHECK(nearest_name("second_chance", policies) == "second-chance");
    CHECK(nearest_name("ffio", policies) == "fifo");
    CHECK(nearest_name("rlu", policies) == "lru");
    CHECK(nearest_name("LRU", policies) == "lru");
    CHECK(nearest_name("Sieve", policies) == "sieve");
}

TEST_CASE("nearest_name: beginnings, of three letters or more, behind single mistakes") {
    CHECK(nearest_name("second", policies) == "second-chance");
    CHECK(nearest_name("--swap-f", options) == "--swap-file");
    CHECK(nearest_name("se", policies).empty());
    CHECK(nearest_name("clo", policies) == "clock");
    CHECK(nearest_name("--sw", options) == "--swap");
    CHECK(nearest_name("clockp", policies) == "clock");
}

TEST_CASE("nearest_name: nothing silly") {
    CHECK(nearest_name("", policies).empty());
    CHECK(nearest_name("", {}).empty());
    CHECK(nearest_name("x", policies).empty());
    CHECK(nearest_name("zzzzzz", policies).empty());
    CHECK(nearest_name("random", policies).empty());
    CHECK(nearest_name("--bogus", options).empty());
    CHECK(nearest_name("-x", options).empty());
    CHECK(nearest_name("walk", {"run", "refs", "sweep", "replay", "curve", "policies"}).empty());
    CHECK(nearest_name("yes", {"on", "off"}).empty());
    CHECK(nearest_name("xml", {"text", "jsonl"}).empty());
}

TEST_CASE("unknown_name: what was meant, or what there is") {
    CHECK(unknown_name("format", "txt", {"refs", "text"}) == "unknown format 'txt'; did you mean 'text'?");
    CHECK(unknown_name("format", "xml", {"refs", "text"}) == "unknown format 'xml'; there are: refs, text");
}

}  // namespace fl::replacement
