#include "lab/sweep_plan.hpp"

#include "lab/sha256.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace fl::lab {

namespace {

SweepSource recording(const std::string& path) {
    SweepSource source;
    source.path = path;
    source.sha256 = sha256(path);
    source.references = 100;
    source.pages = 9;
    source.policies = {"opt", "lru", "clock,load=0"};
    source.frames = {8, 2, 4};
    return source;
}

SweepSource program(const std::string& path, const std::vector<std::string>& arguments) {
    SweepSource source;
    source.kind = SweepKind::live;
    source.path = path;
    source.arguments = arguments;
    source.policies = {"fifo"};
    source.frames = {16};
    return source;
}

SweepPlan plan_of(const std::vector<SweepSource>& sources) {
    SweepPlan plan;
    plan.version = "1";
    plan.sources = sources;
    plan.seeds = {7, 0};
    plan.arrange();
    return plan;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE_MESSAGE(at != std::string::npos, from);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("the same configurations in another order are the same plan") {
    const SweepPlan one = plan_of({recording("a"), recording("b"), program("x", {"1"}), program("x", {})});
    SweepSource shuffled = recording("a");
    shuffled.policies = {"clock,load=0", "lru", "opt", "lru"};
    shuffled.frames = {2, 8, 8, 4};
    const SweepPlan other = plan_of({program("x", {}), recording("b"), program("x", {"1"}), shuffled, recording("b")});
    CHECK(one == other);
    CHECK(one.name() == other.name());
    CHECK(one.sources.size() == 4);
    CHECK(one.sources.front().kind == SweepKind::live);
}

TEST_CASE("everything that a result depends on is in the name") {
    const SweepPlan plan = plan_of({recording("a")});
    std::set<std::string> names = {plan.name()};
    const auto differs = [&plan, &names](auto change) {
        SweepPlan other = plan;
        change(other);
        return names.insert(other.name()).second;
    };
    CHECK(differs([](SweepPlan& other) { other.version = "2"; }));
    CHECK(differs([](SweepPlan& other) { other.run_options = {"--mem"}; }));
    CHECK(differs([](SweepPlan& other) { other.costs.major_ns = 1; }));
    CHECK(differs([](SweepPlan& other) { other.seeds = {1}; }));
    CHECK(differs([](SweepPlan& other) { other.plugins["./a.so"] = "0"; }));
    CHECK(differs([](SweepPlan& other) { other.sources[0].path = "b"; }));
    CHECK(differs([](SweepPlan& other) { other.sources[0].sha256 = "0"; }));
    CHECK(differs([](SweepPlan& other) { other.sources[0].format = "u64"; }));
    CHECK(differs([](SweepPlan& other) { other.sources[0].policies = {"opt"}; }));
    CHECK(differs([](SweepPlan& other) { other.sources[0].frames = {1}; }));
}

TEST_CASE("configurations are numbered by source, policy, frames and seed") {
    const SweepPlan plan = plan_of({recording("a"), program("x", {})});
    REQUIRE(plan.configuration_count() == 2 + 3 * 3 * 2);
    using Key = std::tuple<std::size_t, std::string, std::uint32_t, std::uint64_t>;
    std::vector<Key> keys;
    for (std::uint64_t i = 0; i < plan.configuration_count(); ++i) {
        const SweepConfiguration configuration = plan.configuration(i);
        CHECK(&configuration.source == &plan.sources[configuration.source_index]);
        keys.emplace_back(configuration.source_index, configuration.policy, configuration.frames, configuration.seed);
    }
    CHECK(std::is_sorted(keys.begin(), keys.end()));
    CHECK(std::set<Key>(keys.begin(), keys.end()).size() == keys.size());
    CHECK(keys.front() == Key{0, "fifo", 16, 0});
    CHECK(keys.back() == Key{1, "opt", 8, 7});
}

TEST_CASE("tasks have all configurations between them, each one once, and about as many each") {
    for (const std::uint64_t tasks : {1, 2, 3, 7, 17, 18}) {
        SweepPlanFile file{plan_of({recording("a")}), "/", tasks};
        const std::uint64_t count = file.plan.configuration_count();
        CHECK(file.first_of(0) == 0);
        CHECK(file.first_of(tasks) == count);
        for (std::uint64_t task = 0; task < tasks; ++task) {
            const std::uint64_t size = file.first_of(task + 1) - file.first_of(task);
            CHECK(size >= count / tasks);
            CHECK(size <= count / tasks + 1);
            for (std::uint64_t i = file.first_of(task); i < file.first_of(task + 1); ++i)
                CHECK(file.task_of(i) == task);
        }
    }
}

TEST_CASE("a plan reads back as it was written") {
    SweepPlanFile file{plan_of({recording("ü \"x\"\n"), program("x", {"a b", ""})}), "/some where", 5};
    file.plan.plugins["./a.so"] = "0";
    file.plan.run_options = {"--mem", "1G"};
    file.plan.seeds = {0, 0xffff'ffff'ffff'ffff};
    const auto again = parse_plan(plan_text(file));
    REQUIRE_MESSAGE(again.has_value(), again.error());
    CHECK(again->plan == file.plan);
    CHECK(again->directory == file.directory);
    CHECK(again->task_count == file.task_count);
}

TEST_CASE("a plan that was changed is none") {
    const std::string text = plan_text({plan_of({recording("a")}), "/", 3});
    REQUIRE(parse_plan(text).has_value());
    const auto is_refused = [](const std::string& changed) {
        const auto parsed = parse_plan(changed);
        return !parsed && !parsed.error().empty() && parsed.error().find('\n') == std::string::npos;
    };
    for (std::size_t size = 0; size + 2 < text.size(); size += 5) CHECK(is_refused(text.substr(0, size)));
    CHECK(is_refused(replaced(text, "\"tasks\": 3", "\"tasks\": 0")));
    CHECK(is_refused(replaced(text, "\"tasks\": 3", "\"tasks\": 19")));
    CHECK(is_refused(replaced(text, "\"tasks\": 3", "\"tasks\": -3")));
    CHECK(is_refused(replaced(text, "\"tasks\": 3", "\"tasks\": \"3\"")));
    CHECK(is_refused(replaced(text, "\"tasks\": 3", "\"tasks\": 3, \"more\": 1")));
    CHECK(is_refused(replaced(text, "faultline sweep 1", "faultline sweep 2")));
    CHECK(is_refused(replaced(text, "\"lru\"", "\"mru\"")));
    CHECK(is_refused("[]"));
    CHECK(is_refused("[" + std::string(100'000, '[')));
    CHECK(is_refused("{\"format\": \"faultline sweep 1\"}"));

    // The name is no secret: whoever makes up a plan can name it.
    const auto is_refused_with_its_name = [&is_refused](auto change) {
        SweepPlanFile file{plan_of({recording("a")}), "/", 1};
        change(file.plan);
        return is_refused(plan_text(file));
    };
    CHECK(is_refused_with_its_name([](SweepPlan& plan) { plan.sources.clear(); }));
    CHECK(is_refused_with_its_name([](SweepPlan& plan) { plan.sources[0].frames = {0, 1}; }));
    CHECK(is_refused_with_its_name([](SweepPlan& plan) { plan.sources[0].frames = {2, 1}; }));
    CHECK(is_refused_with_its_name([](SweepPlan& plan) { plan.sources[0].policies = {}; }));
    CHECK(is_refused_with_its_name([](SweepPlan& plan) { plan.seeds.clear(); }));
    CHECK(is_refused_with_its_name([](SweepPlan& plan) {
        plan.seeds.resize(SweepPlan::most_configurations / 9 + 1);
        for (std::size_t i = 0; i < plan.seeds.size(); ++i) plan.seeds[i] = i;
    }));
}

TEST_CASE("names are those of sha256sum") {
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(!sha256_of_file("/").has_value());
    CHECK(sha256_of_file("/nowhere").error() == "/nowhere: cannot be opened: No such file or directory");
    CHECK(sha256_of_file("/dev/null").value() == sha256(""));
}

TEST_CASE("UTF-8") {
    CHECK(is_utf8(""));
    CHECK(is_utf8("aé€"));
    CHECK(!is_utf8("\xff"));
    CHECK(!is_utf8("\xc3"));
}

}  // namespace fl::lab
