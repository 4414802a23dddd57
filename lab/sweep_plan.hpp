// SweepPlan: all that a sweep is to measure, in one order whichever way it was asked for.
//
// Invariants of a plan that arrange() has seen: sources by kind, path and arguments, each once; policies, frames and
// seeds ascending, each once. Its configurations are numbered from 0: by source, policy, frames and seed, the last the
// fastest.
#pragma once

#include <tl/expected.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fl::lab {

enum class SweepKind : std::uint8_t {
    live,    // a program runs
    replay,  // a recording is replayed
};

// A program or a recording, and what it is measured under.
struct SweepSource {
    SweepKind kind = SweepKind::replay;
    std::string path{};
    std::vector<std::string> arguments{};     // of a program, without its name
    std::string format{};                     // of a recording, where the user named one
    std::string sha256{};                     // of the file
    std::uint64_t references = 0, pages = 0;  // of a recording; pages: how many there are at once, at most
    std::vector<std::string> policies{};      // as parse_policy() takes them
    std::vector<std::uint32_t> frames{};

    friend bool operator==(const SweepSource&, const SweepSource&) = default;
};

// What a reference takes, in nanoseconds.
struct SweepCosts {
    std::uint64_t memory_ns = 1, minor_ns = 500, major_ns = 100'000;
    friend bool operator==(const SweepCosts&, const SweepCosts&) = default;
};

struct SweepConfiguration {
    const SweepSource& source;
    std::size_t source_index;
    const std::string& policy;
    std::uint32_t frames;
    std::uint64_t seed;
};

struct SweepPlan {
    // More results than this are out of all proportion.
    static constexpr std::uint64_t most_configurations = 4'000'000;

    std::string version{};                   // of faultline
    std::vector<std::string> run_options{};  // of all live runs, beside policy, frames and seed
    SweepCosts costs{};
    std::vector<std::uint64_t> seeds{0};
    std::map<std::string, std::string> plugins{};  // SHA-256 of the shared objects among the policies, by path
    std::vector<SweepSource> sources{};

    // Sorts, and drops what is there twice.
    void arrange();
    std::uint64_t configuration_count() const;
    SweepConfiguration configuration(std::uint64_t index) const;
    // Sweeps with the same name have the same results: the SHA-256 of all of the plan.
    std::string name() const;

    friend bool operator==(const SweepPlan&, const SweepPlan&) = default;
};

// A plan as it lies in a sweep's folder: with where to start from, and how it is cut into tasks.
struct SweepPlanFile {
    SweepPlan plan{};
    std::string directory{};       // absolute; relative paths of the plan start here
    std::uint64_t task_count = 1;  // at most as many as there are configurations

    // Its configurations are first_of(task) to first_of(task + 1), without that.
    std::uint64_t first_of(std::uint64_t task) const { return plan.configuration_count() * task / task_count; }
    std::uint64_t task_of(std::uint64_t configuration) const;
};

// JSON, all in UTF-8: the texts of a plan have to be that.
std::string plan_text(const SweepPlanFile& file);
// The error is one line that does not name the file: this is no plan, or not as it was written.
tl::expected<SweepPlanFile, std::string> parse_plan(const std::string& text);

bool is_utf8(const std::string& text);

}  // namespace fl::lab
