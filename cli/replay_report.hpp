// What a replay of several policies at several numbers of frames came to: for the terminal, as CSV and as JSON.
#pragma once

#include "lab/replay.hpp"
#include "lab/sweep_plan.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fl::cli {

struct ReplayRow {
    std::string policy{};  // as parse_policy() takes it
    std::uint32_t frames = 0;
    lab::ReplayCounts counts{};
};

// What is said of all rows.
struct ReplayHead {
    std::string file{};
    std::uint64_t references = 0;
    std::uint64_t pages = 0;  // that ever were
    std::uint64_t seed = 0;
    lab::SweepCosts costs{};
    bool opt_was_added = false;
};

// Rows of one number of frames stand together, each group with one of `opt`.
std::string replay_table(const ReplayHead& head, const std::vector<ReplayRow>& rows);
// RFC 4180, with a line of names.
std::string replay_csv(const ReplayHead& head, const std::vector<ReplayRow>& rows);
std::string replay_json(const ReplayHead& head, const std::vector<ReplayRow>& rows);
// An HTML page with charts (docs/report.md).
std::string replay_page(const ReplayHead& head, const std::vector<ReplayRow>& rows);

}  // namespace fl::cli
