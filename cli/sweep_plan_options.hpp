// What a sweep measures, as the command line says it, and the plan that this makes.
#pragma once

#include "cli/cli11.hpp"
#include "cli/recording_store.hpp"
#include "lab/sweep_plan.hpp"

#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

struct SweepPlanOptions {
    std::vector<std::string> recordings;
    std::string format;
    std::vector<std::string> programs;  // each with its arguments, as a shell writes them
    std::optional<std::string> policies;
    std::optional<std::string> frames;
    std::string seeds = "0";
    std::string run_options;  // as a shell writes them
    std::optional<std::string> cost;

    // Something of this was given: a new sweep is asked for.
    bool are_given() const;
};

void add_sweep_plan_options(CLI::App& subcommand, SweepPlanOptions& options);

// Reads all programs, shared objects and recordings once; the last recording stays in the store. Throws UsageError.
lab::SweepPlan make_sweep_plan(const SweepPlanOptions& options, RecordingStore& recordings);

// That the files which these configurations need are those that the plan was made from. Throws UsageError.
void check_sweep_files(const lab::SweepPlan& plan, const std::vector<std::uint64_t>& configurations);

}  // namespace fl::cli
