#include "lab/sweep_database.hpp"

#include "emu/assert.hpp"
#include "lab/host_file.hpp"
#include "mm/replacement/registry.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

namespace fl::lab {

namespace {

using Outcome = tl::expected<void, std::string>;

// Settings first: they hold for a file that has no tables yet.
constexpr const char* schema = R"(
PRAGMA page_size = 4096;
PRAGMA encoding = 'UTF-8';
PRAGMA auto_vacuum = NONE;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
BEGIN;
CREATE TABLE sweep (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE source (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('live', 'replay')),
  path TEXT NOT NULL,
  arguments TEXT NOT NULL,
  format TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  reference_count INTEGER,
  page_count INTEGER
);
CREATE TABLE policy (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  sha256 TEXT
);
CREATE TABLE parameter (
  policy INTEGER NOT NULL REFERENCES policy (id),
  name TEXT NOT NULL,
  value NOT NULL,
  PRIMARY KEY (policy, name)
) WITHOUT ROWID;
CREATE TABLE result (
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL REFERENCES source (id),
  policy INTEGER NOT NULL REFERENCES policy (id),
  frames INTEGER NOT NULL,
  seed TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('ok', 'stopped', 'failed')),
  error TEXT,
  exit_status INTEGER,
  reference_count INTEGER,
  hits INTEGER,
  faults INTEGER,
  minor_faults INTEGER,
  major_faults INTEGER,
  refaults INTEGER,
  clean_evictions INTEGER,
  dirty_evictions INTEGER,
  write_backs INTEGER,
  resident_mean REAL,
  access_ns REAL,
  instructions INTEGER,
  virtual_time_ns INTEGER
);
CREATE VIEW measurement AS
  SELECT source.kind, source.path, source.arguments, policy.text AS policy, result.frames, result.seed, result.status,
         result.error, result.exit_status, result.reference_count, result.hits, result.faults, result.minor_faults,
         result.major_faults, result.refaults, result.clean_evictions, result.dirty_evictions, result.write_backs,
         result.resident_mean, result.access_ns, result.instructions, result.virtual_time_ns
  FROM result JOIN source ON source.id = result.source JOIN policy ON policy.id = result.policy;
)";

class Database {
public:
    static tl::expected<Database, std::string> open(const std::string& path, int flags) {
        sqlite3* opened = nullptr;
        const int code = ::sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
        Database database(opened, path);
        if (code != SQLITE_OK) return tl::unexpected(database.error());
        return database;
    }

    sqlite3* get() const { return database_.get(); }
    std::string error() const { return fmt::format("{}: {}", path_, ::sqlite3_errmsg(database_.get())); }
    Outcome run(const char* statements) {
        if (::sqlite3_exec(get(), statements, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
        return tl::unexpected(error());
    }

private:
    struct Close {
        void operator()(sqlite3* database) const { ::sqlite3_close_v2(database); }
    };
    Database(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}

    std::unique_ptr<sqlite3, Close> database_;
    std::string path_;
};

// INSERT of one row after the other. After an error nothing more is done, and error() has it.
class Insert {
public:
    Insert(Database& database, const char* table, int columns) : database_(database) {
        std::string sql = fmt::format("INSERT INTO {} VALUES (?", table);
        for (int i = 1; i < columns; ++i) sql += ", ?";
        sql += ")";
        sqlite3_stmt* prepared = nullptr;
        note(::sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &prepared, nullptr));
        statement_.reset(prepared);
    }

    Insert& text(std::string_view value) {
        if (is_well()) {
            note(::sqlite3_bind_text64(statement_.get(), ++column_, value.data(), value.size(), SQLITE_TRANSIENT,
                                       SQLITE_UTF8));
        }
        return *this;
    }
    Insert& number(std::uint64_t value) {
        // What SQLite cannot hold, no count here reaches.
        if (is_well()) note(::sqlite3_bind_int64(statement_.get(), ++column_, static_cast<sqlite3_int64>(value)));
        return *this;
    }
    Insert& real(double value) {
        if (is_well()) note(::sqlite3_bind_double(statement_.get(), ++column_, value));
        return *this;
    }
    Insert& nothing() {
        if (is_well()) note(::sqlite3_bind_null(statement_.get(), ++column_));
        return *this;
    }
    Insert& number(const std::optional<std::uint64_t>& value) { return value ? number(*value) : nothing(); }
    Insert& real(const std::optional<double>& value) { return value ? real(*value) : nothing(); }
    void row() {
        column_ = 0;
        if (!is_well()) return;
        if (::sqlite3_step(statement_.get()) != SQLITE_DONE) error_ = database_.error();
        ::sqlite3_reset(statement_.get());
    }

    Outcome outcome() const {
        if (!is_well()) return tl::unexpected(error_);
        return {};
    }

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
    };
    bool is_well() const { return error_.empty(); }
    void note(int code) {
        if (code != SQLITE_OK) error_ = database_.error();
    }

    Database& database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int column_ = 0;
    std::string error_;
};

std::string json_text(const std::vector<std::string>& words) { return nlohmann::json(words).dump(); }

Outcome insert_sweep(Database& database, const SweepPlan& plan) {
    Insert insert(database, "sweep", 2);
    const std::map<std::string, std::string> entries = {{"format", "1"},
                                                        {"faultline", plan.version},
                                                        {"plan", plan.name()},
                                                        {"run_options", json_text(plan.run_options)},
                                                        {"memory_ns", fmt::to_string(plan.costs.memory_ns)},
                                                        {"minor_ns", fmt::to_string(plan.costs.minor_ns)},
                                                        {"major_ns", fmt::to_string(plan.costs.major_ns)}};
    for (const auto& [key, value] : entries) insert.text(key).text(value).row();
    return insert.outcome();
}

Outcome insert_sources(Database& database, const SweepPlan& plan) {
    Insert insert(database, "source", 8);
    for (std::size_t i = 0; i < plan.sources.size(); ++i) {
        const SweepSource& source = plan.sources[i];
        const bool is_live = source.kind == SweepKind::live;
        insert.number(i + 1).text(is_live ? "live" : "replay").text(source.path).text(json_text(source.arguments));
        insert.text(source.format).text(source.sha256);
        if (is_live) {
            insert.nothing().nothing();
        } else {
            insert.number(source.references).number(source.pages);
        }
        insert.row();
    }
    return insert.outcome();
}

// Numbers of all policies of the plan, by their texts.
std::map<std::string, std::uint64_t> policy_numbers(const SweepPlan& plan) {
    std::map<std::string, std::uint64_t> numbers;
    for (const SweepSource& source : plan.sources)
        for (const std::string& policy : source.policies) numbers[policy] = 0;
    std::uint64_t number = 0;
    for (auto& entry : numbers) entry.second = ++number;
    return numbers;
}

void insert_parameters(Insert& insert, std::uint64_t policy, const replacement::PolicyChoice& choice) {
    for (std::size_t i = 0; i < choice.parameters.size(); ++i) {
        const replacement::Parameter& parameter = choice.info->parameters[i];
        insert.number(policy).text(parameter.name);
        if (parameter.choices.empty()) {
            insert.real(choice.parameters[i]);
        } else {
            insert.text(replacement::parameter_value_text(parameter, choice.parameters[i]));
        }
        insert.row();
    }
}

Outcome insert_policies(Database& database, const SweepPlan& plan,
                        const std::map<std::string, std::uint64_t>& numbers) {
    Insert policies(database, "policy", 4);
    Insert parameters(database, "parameter", 3);
    for (const auto& [text, number] : numbers) {
        const std::string name = text.substr(0, text.find(','));
        policies.number(number).text(text).text(name);
        const auto plugin = plan.plugins.find(name);
        if (plugin == plan.plugins.end()) {
            policies.nothing();
        } else {
            policies.text(plugin->second);
        }
        policies.row();
        // Who made the plan has parsed it; a plugin may be gone since.
        const auto choice = replacement::parse_policy(text);
        if (!choice) return tl::unexpected(choice.error());
        insert_parameters(parameters, number, *choice);
    }
    if (const auto outcome = policies.outcome(); !outcome) return outcome;
    return parameters.outcome();
}

Outcome insert_results(Database& database, const SweepPlan& plan,
                       const std::map<std::string, std::uint64_t>& policy_numbers,
                       const std::vector<std::optional<SweepResult>>& results) {
    constexpr int columns = 21;
    Insert insert(database, "result", columns);
    for (std::size_t i = 0; i < results.size(); ++i) {
        FL_ASSERT(results[i].has_value());
        const SweepResult& result = *results[i];
        const SweepConfiguration configuration = plan.configuration(i);
        insert.number(i + 1).number(configuration.source_index + 1).number(policy_numbers.at(configuration.policy));
        // A seed has 64 bits; SQLite's numbers have 63.
        insert.number(configuration.frames).text(fmt::to_string(configuration.seed));
        insert.text(status_name(result.status));
        if (result.error.empty()) {
            insert.nothing();
        } else {
            insert.text(result.error);
        }
        insert.number(result.exit_status).number(result.references).number(result.hits).number(result.faults);
        insert.number(result.minor_faults).number(result.major_faults).number(result.refaults);
        insert.number(result.clean_evictions).number(result.dirty_evictions).number(result.write_backs);
        insert.real(result.resident_mean).real(result.access_ns);
        insert.number(result.instructions).number(result.virtual_time_ns).row();
    }
    return insert.outcome();
}

Outcome write_all(const std::string& path, const SweepPlan& plan,
                  const std::vector<std::optional<SweepResult>>& results) {
    auto database = Database::open(path, SQLITE_OPEN_READWRITE);
    if (!database) return tl::unexpected(database.error());
    const auto numbers = policy_numbers(plan);
    return database->run(schema)
        .and_then([&] { return insert_sweep(*database, plan); })
        .and_then([&] { return insert_sources(*database, plan); })
        .and_then([&] { return insert_policies(*database, plan, numbers); })
        .and_then([&] { return insert_results(*database, plan, numbers, results); })
        .and_then([&] { return database->run("COMMIT"); });
}

}  // namespace

tl::expected<void, std::string> write_sweep_database(const std::string& path, const SweepPlan& plan,
                                                     const std::vector<std::optional<SweepResult>>& results) {
    FL_ASSERT(results.size() == plan.configuration_count());
    return replace_file(path, [&](const std::string& beside) { return write_all(beside, plan, results); });
}

tl::expected<std::string, std::string> sweep_database_plan(const std::string& path) {
    // SQLite would make sense of an empty file, too, and complain in words that help nobody here.
    const auto none = [&path] { return tl::unexpected(fmt::format("{}: holds no results of a sweep", path)); };
    auto database = Database::open(path, SQLITE_OPEN_READONLY);
    if (!database) return none();
    sqlite3_stmt* prepared = nullptr;
    if (::sqlite3_prepare_v2(database->get(), "SELECT value FROM sweep WHERE key = 'plan'", -1, &prepared, nullptr) !=
        SQLITE_OK) {
        return none();
    }
    const std::unique_ptr<sqlite3_stmt, decltype(&::sqlite3_finalize)> statement(prepared, &::sqlite3_finalize);
    if (::sqlite3_step(statement.get()) != SQLITE_ROW) return none();
    const unsigned char* text = ::sqlite3_column_text(statement.get(), 0);
    if (text == nullptr) return none();
    return std::string(reinterpret_cast<const char*>(text));
}

}  // namespace fl::lab
