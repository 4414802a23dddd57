#include "lab/replay.hpp"

#include "lab/opt.hpp"
#include "mm/replacement/checked_policy.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace fl::lab {

namespace {

replacement::PolicyChoice choice_of(const std::string& text) {
    const auto choice = replacement::parse_policy(text);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    return *choice;
}

class Log final : public ReplayObserver {
public:
    void on_fault(std::uint64_t time, PageId page) override {
        text += std::to_string(time) + ":" + std::to_string(page) + " ";
    }
    void on_eviction(std::uint64_t time, PageId page, bool dirty) override {
        text += std::to_string(time) + ":-" + std::to_string(page) + (dirty ? "w " : " ");
    }
    std::string text;
};

// Looks at the bits that a replay shows, and answers by a plan.
struct Witness {
    std::vector<std::string> seen;
    std::vector<PageId> victims;
};
Witness& witness() {
    static Witness only;
    return only;
}

class WitnessPolicy final : public replacement::Policy {
public:
    explicit WitnessPolicy(const replacement::Setup& setup) : pages_(setup.pages) {}
    void admit(PageId page, Access access) override { note("admit", page, access, 1); }
    void reference(PageId page, Access access, std::uint32_t count) override { note("hit", page, access, count); }
    PageId choose_victim(PageId incoming) override {
        witness().seen.push_back("victim for " + std::to_string(incoming));
        const PageId victim = witness().victims.front();
        witness().victims.erase(witness().victims.begin());
        return victim;
    }
    void forget(PageId) override {}
    std::uint64_t tick_interval() const override { return 4; }
    void tick() override { witness().seen.push_back("tick " + std::to_string(pages_.time())); }

private:
    void note(const char* what, PageId page, Access access, std::uint32_t count) {
        witness().seen.push_back(std::string(what) + " " + std::to_string(page) +
                                 (access == Access::write ? "w" : "r") + " x" + std::to_string(count) + " at " +
                                 std::to_string(pages_.time()) + (pages_.accessed(page) ? " A" : "") +
                                 (pages_.dirty(page) ? " D" : ""));
        pages_.clear_accessed(page);
    }
    replacement::Pages& pages_;
};

const replacement::PolicyInfo& witness_info() {
    static const replacement::PolicyInfo info{
        "witness",
        "",
        "",
        replacement::Needs::every_reference,
        {},
        [](const replacement::Setup& setup) -> std::unique_ptr<replacement::Policy> {
            return std::make_unique<WitnessPolicy>(setup);
        }};
    return info;
}

}  // namespace

TEST_CASE("replay: faults and evictions in order, clean and dirty") {
    const ReferenceString string = {{1, Access::write, 3}, {2}, {3}, {1, Access::read, 2}, {2, Access::write}, {1}};
    Log log;
    const auto counts = replay(string, choice_of("fifo"), {.frames = 2, .observer = &log});
    REQUIRE(counts.has_value());
    CHECK(log.text == "1:1 4:2 5:3 5:-1w 6:1 6:-2 8:2 8:-3 ");
    CHECK(*counts == ReplayCounts{.references = 9,
                                  .faults = 5,
                                  .refaults = 2,
                                  .clean_evictions = 2,
                                  .dirty_evictions = 1,
                                  .write_backs = 0,
                                  .resident_sum = 3 + 6 * 2});
    CHECK(counts->hits() == 4);
}

TEST_CASE("replay: OPT reports the same way") {
    const ReferenceString string = {{1, Access::write}, {2}, {3}, {1}, {2}};
    Log log;
    const auto counts = replay(string, choice_of("opt"), {.frames = 2, .observer = &log});
    REQUIRE(counts.has_value());
    CHECK(log.text == "1:1 2:2 3:3 3:-2 5:2 5:-3 ");
    CHECK(counts->refaults == 1);
    CHECK(counts->clean_evictions == 2);
    CHECK(next_runs(string) == std::vector<std::uint32_t>{3, 4, 5, 5, 5});
}

TEST_CASE("replay: what a policy is told, and the bits it sees") {
    witness() = {{}, {1}};
    const ReferenceString string = {
        {1, Access::read, 6}, {2, Access::write, 2}, {1, Access::write, 1}, {2, Access::read, 4}};
    // Both fit, then a third does not.
    ReferenceString more = string;
    more.push_back({3});
    const auto counts = replay(more, {&witness_info(), {}}, {.frames = 2});
    REQUIRE_MESSAGE(counts.has_value(), counts.error());
    CHECK(witness().seen == std::vector<std::string>{"admit 1r x1 at 1 A", "hit 1r x3 at 4 A", "tick 4",
                                                     "hit 1r x2 at 6 A", "admit 2w x1 at 7 A D", "hit 2w x1 at 8 A D",
                                                     "tick 8", "hit 1w x1 at 9 A D", "hit 2r x3 at 12 A D", "tick 12",
                                                     "hit 2r x1 at 13 A D", "victim for 3", "admit 3r x1 at 14 A"});
    CHECK(counts->dirty_evictions == 1);
}

TEST_CASE("replay: a policy that lies ends it with one line") {
    const ReferenceString string = {{1}, {2}, {3}};
    witness() = {{}, {7}};
    auto counts = replay(string, {&witness_info(), {}}, {.frames = 2});
    REQUIRE_FALSE(counts.has_value());
    CHECK(counts.error() == "policy witness chose page 7, which is not resident");
    witness() = {{}, {replacement::no_page}};
    counts = replay(string, {&witness_info(), {}}, {.frames = 2});
    REQUIRE_FALSE(counts.has_value());
    CHECK(counts.error() == "policy witness chose no page, although page 1 is evictable");
}

TEST_CASE("replay: write-backs ahead of time are counted") {
    ReferenceString string;
    for (PageId page = 0; page < 40; ++page) string.push_back({page, Access::write});
    const auto counts = replay(string, choice_of("wsclock,window=2,writes=2"), {.frames = 4});
    REQUIRE(counts.has_value());
    CHECK(counts->write_backs > 30);
    CHECK(counts->write_backs + counts->dirty_evictions >= 36);
    CHECK(counts->evictions() == 36);
}

TEST_CASE("reference strings: expanded and collapsed") {
    const ReferenceString string = {{4, Access::read, 2}, {4, Access::read, 1}, {4, Access::write, 1}, {2}};
    CHECK(page_limit(string) == 5);
    CHECK(page_limit({}) == 0);
    CHECK(expanded(string).size() == 5);
    const ReferenceString joined = collapsed(expanded(string));
    REQUIRE(joined.size() == 3);
    CHECK(joined[0].count == 3);
    CHECK(joined[1].access == Access::write);
}

}  // namespace fl::lab
