#include "lab/sweep_shards.hpp"

#include "lab/host_file.hpp"
#include "lab/sweep_database.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace fl::lab {

namespace {

namespace fs = std::filesystem;

// A folder that goes with the test.
class Folder {
public:
    Folder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code error;
        fs::remove_all(path_, error);
    }
    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_ = (fs::temp_directory_path() / "sweep.XXXXXX").string();
};

SweepPlan some_plan() {
    SweepSource source;
    source.path = "a.refs";
    source.policies = {"clock,load=0", "lru", "opt"};
    source.frames = {1, 2, 3, 4};
    SweepPlan plan;
    plan.sources = {source};
    plan.arrange();
    return plan;
}

// Different for each.
SweepResult result_of(std::uint64_t configuration) {
    ReplayCounts counts;
    counts.references = 1000 + configuration;
    counts.faults = 30;
    counts.refaults = 10;
    counts.clean_evictions = configuration;
    counts.dirty_evictions = 3;
    counts.resident_sum = 3333;
    return replay_result(counts, SweepCosts());
}

void write_shard(const Folder& folder, const SweepPlan& plan, std::uint64_t task, std::uint64_t first,
                 std::uint64_t end) {
    auto shard = ShardWriter::create(folder.path(), task);
    REQUIRE_MESSAGE(shard.has_value(), shard.error());
    for (std::uint64_t i = first; i < end; ++i) {
        REQUIRE(shard->add(result_line(plan.name(), i, result_of(i))).has_value());
    }
    REQUIRE(shard->sync().has_value());
}

CollectedResults collected(const Folder& folder, const SweepPlan& plan,
                           std::optional<std::uint64_t> task = std::nullopt) {
    auto results = collect_results(folder.path(), plan, task);
    REQUIRE_MESSAGE(results.has_value(), results.error());
    return *std::move(results);
}

void check_results(const CollectedResults& results) {
    for (std::size_t i = 0; i < results.results.size(); ++i) {
        REQUIRE(results.results[i].has_value());
        CHECK(*results.results[i] == result_of(i));
    }
}

std::string bytes_of(const std::string& path) {
    const auto bytes = read_file(path);
    REQUIRE_MESSAGE(bytes.has_value(), bytes.error());
    return *bytes;
}

}  // namespace

TEST_CASE("the effective access time of a replay") {
    ReplayCounts counts;
    counts.references = 100;
    counts.faults = 10;
    counts.refaults = 4;
    counts.resident_sum = 250;
    const SweepResult result = replay_result(counts, {2, 100, 1000});
    CHECK(result.hits == 90);
    CHECK(result.minor_faults == 6);
    CHECK(result.major_faults == 4);
    CHECK(result.access_ns == (90 * 2 + 6 * 100 + 4 * 1000) / 100.0);
    CHECK(result.resident_mean == 2.5);
    CHECK(!replay_result(ReplayCounts(), SweepCosts()).access_ns.has_value());
}

TEST_CASE("a line tells all of a result, and shows where it was changed") {
    SweepResult result = result_of(5);
    result.status = SweepStatus::stopped;
    result.error = "it \"said\"\nä";
    result.access_ns = 1.0 / 3;
    result.exit_status = 124;
    const std::string line = result_line("plan", 77, result);
    CHECK(line.find('\n') == std::string::npos);
    const auto again = parse_result_line("plan", line);
    REQUIRE(again.has_value());
    CHECK(again->configuration == 77);
    CHECK(again->result == result);
    CHECK(!parse_result_line("another plan", line).has_value());
    for (std::size_t i = 0; i < line.size(); ++i) {
        std::string changed = line;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        CHECK(!parse_result_line("plan", changed).has_value());
        CHECK(!parse_result_line("plan", line.substr(0, i)).has_value());
    }
    CHECK(failed_result("not \xff UTF-8").error == "not \xef\xbf\xbd UTF-8");
}

TEST_CASE("shards give what was put into them, in whatever pieces, once or twice") {
    const SweepPlan plan = some_plan();
    const Folder folder;
    write_shard(folder, plan, 1, 6, 12);
    CHECK(collected(folder, plan).missing_count() == 6);
    write_shard(folder, plan, 0, 0, 4);
    write_shard(folder, plan, 0, 2, 6);
    CHECK(fs::exists(folder / "0.1.jsonl"));
    check_results(collected(folder, plan));
    CHECK(collected(folder, plan).damage.empty());
    CHECK(collected(folder, plan, 0).missing_count() == 6);
    // Another task whose number begins alike.
    write_shard(folder, plan, 11, 0, 1);
    CHECK(collected(folder, plan, 1).missing_count() == 6);
}

TEST_CASE("a shard that was cut off is good up to there") {
    const SweepPlan plan = some_plan();
    const Folder folder;
    write_shard(folder, plan, 0, 0, 12);
    const std::string whole = bytes_of(folder / "0.jsonl");
    const std::size_t line_end = whole.find('\n');
    for (const std::size_t size : {std::size_t{0}, line_end, line_end + 1, line_end + 20, whole.size() - 1}) {
        REQUIRE(replace_file(folder / "0.jsonl", whole.substr(0, size)).has_value());
        const CollectedResults results = collected(folder, plan);
        CHECK(results.damage.empty());
        const auto lines = std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size), '\n');
        CHECK(results.missing_count() == 12 - static_cast<std::uint64_t>(lines));
    }
}

TEST_CASE("damaged lines are left out, and one line says so") {
    const SweepPlan plan = some_plan();
    const Folder folder;
    write_shard(folder, plan, 0, 0, 12);
    std::string bytes = bytes_of(folder / "0.jsonl");
    bytes[bytes.find('\n') + 30] ^= 1;
    REQUIRE(replace_file(folder / "0.jsonl", bytes + std::string("\0\n", 2) + "rubbish\n").has_value());
    CollectedResults results = collected(folder, plan);
    REQUIRE(results.damage.size() == 1);
    CHECK(results.damage[0] == folder.path() + "/0.jsonl: 3 of its lines are no results of this sweep, from line 2 on");
    CHECK(results.missing_count() == 1);
    // A repeated task makes up for it.
    write_shard(folder, plan, 0, 0, 3);
    results = collected(folder, plan);
    CHECK(results.damage.size() == 1);
    check_results(results);
}

TEST_CASE("results of another plan, or of no configuration, do not count") {
    const SweepPlan plan = some_plan();
    SweepPlan other = plan;
    other.seeds = {1};
    const Folder folder;
    write_shard(folder, other, 0, 0, 12);
    CHECK(collected(folder, plan).missing_count() == 12);
    CHECK(collected(folder, plan).damage.size() == 1);
    write_shard(folder, plan, 1, 12, 13);
    CHECK(collected(folder, plan).missing_count() == 12);
    CHECK(collected(folder, plan).damage.size() == 2);
}

TEST_CASE("two different results of one configuration are an error") {
    const SweepPlan plan = some_plan();
    const Folder folder;
    write_shard(folder, plan, 0, 0, 12);
    auto shard = ShardWriter::create(folder.path(), 0);
    REQUIRE(shard.has_value());
    REQUIRE(shard->add(result_line(plan.name(), 3, result_of(4))).has_value());
    const auto results = collect_results(folder.path(), plan);
    REQUIRE(!results.has_value());
    CHECK(results.error() == folder.path() + "/0.jsonl: line 4: configuration 3 has come out differently before");
}

TEST_CASE("what cannot be read or written is one line") {
    const SweepPlan plan = some_plan();
    CHECK(collect_results("/nowhere", plan).error() == "/nowhere: cannot be read: No such file or directory");
    CHECK(ShardWriter::create("/nowhere", 0).error() == "/nowhere/0.jsonl: cannot be made: No such file or directory");
    const Folder folder;
    REQUIRE(::symlink("/nowhere", (folder / "0.jsonl").c_str()) == 0);
    CHECK(collect_results(folder.path(), plan).error() ==
          folder.path() + "/0.jsonl: cannot be opened: No such file or directory");
    CHECK(write_sweep_database("/nowhere/a.db", plan, std::vector<std::optional<SweepResult>>(12, result_of(0)))
              .error() == "/nowhere/a.db: cannot be written: No such file or directory");
}

TEST_CASE("a shard that stays empty leaves no file") {
    const Folder folder;
    { REQUIRE(ShardWriter::create(folder.path(), 0).has_value()); }
    CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("the same results give the same file, which says whose they are") {
    const SweepPlan plan = some_plan();
    const Folder folder;
    std::vector<std::optional<SweepResult>> results;
    for (std::uint64_t i = 0; i < 12; ++i) results.emplace_back(result_of(i));
    results[7] = failed_result("it's \"bad\"; DROP TABLE result");
    REQUIRE(write_sweep_database(folder / "one.db", plan, results).has_value());
    REQUIRE(write_sweep_database(folder / "two.db", plan, results).has_value());
    const std::string bytes = bytes_of(folder / "one.db");
    CHECK(bytes == bytes_of(folder / "two.db"));
    CHECK(sweep_database_plan(folder / "one.db").value() == plan.name());
    // Over one that is there, and beside nothing that is left behind.
    results[7] = result_of(7);
    REQUIRE(write_sweep_database(folder / "two.db", plan, results).has_value());
    CHECK(bytes != bytes_of(folder / "two.db"));
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 2);
    struct stat status {};
    REQUIRE(::stat((folder / "one.db").c_str(), &status) == 0);
    CHECK((status.st_mode & 0444U) == (0444U & ~[] {
              const mode_t mask = ::umask(0);
              ::umask(mask);
              return mask;
          }()));
}

TEST_CASE("what is no database of a sweep is told apart") {
    const Folder folder;
    const auto is_none = [](const std::string& path) {
        const auto plan = sweep_database_plan(path);
        return !plan && plan.error() == path + ": holds no results of a sweep";
    };
    CHECK(is_none(folder / "missing"));
    CHECK(is_none(folder.path()));
    CHECK(is_none("/dev/null"));
    for (const std::string& bytes : {std::string(), std::string("text"), "SQLite format 3" + std::string(5000, '\0')}) {
        REQUIRE(replace_file(folder / "x", bytes).has_value());
        CHECK(is_none(folder / "x"));
    }
    CHECK(bytes_of(folder / "x").size() == 5015);
}

}  // namespace fl::lab
