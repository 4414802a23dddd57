// What a sweep's folder holds beside the plan where others run its tasks: a list of commands, and a script for Slurm.
#pragma once

#include "cli/sweep_folder.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace fl::cli {

// Slurm numbers the tasks of an array up to 1000, unless it is told otherwise (MaxArraySize).
inline constexpr std::uint64_t most_tasks = 1000;

// Writes jobs.txt, whose line K + 1 is a shell's command for task K, and array.sh, which runs the line of its number.
// The folder's path must be absolute. The error is one line.
tl::expected<void, std::string> emit_slurm(const SweepFolder& folder);

// Ascending numbers as sbatch --array has them: "4,9-11".
std::string array_text(const std::vector<std::uint64_t>& numbers);

}  // namespace fl::cli
