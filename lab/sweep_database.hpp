// A sweep's results as one SQLite file. docs/sweep.md describes its tables.
//
// The same plan and results give the same bytes, with the same version of SQLite: pages of one size, rows in one order
// with numbers of our own, one transaction into a new file, and nothing that depends on when or where.
#pragma once

#include "lab/sweep_result.hpp"

#include <tl/expected.hpp>

#include <optional>
#include <string>
#include <vector>

namespace fl::lab {

// Replaces the file at once, by one that is whole. `results` has one for each configuration. The error is one line.
tl::expected<void, std::string> write_sweep_database(const std::string& path, const SweepPlan& plan,
                                                     const std::vector<std::optional<SweepResult>>& results);

// The name of the plan whose results a file holds. The error is one line: it holds none.
tl::expected<std::string, std::string> sweep_database_plan(const std::string& path);

}  // namespace fl::lab
