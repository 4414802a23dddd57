// faultline sweep: programs and recordings x policies x numbers of frames, into one SQLite file; here or in tasks
// elsewhere.
#pragma once

#include "cli/cli11.hpp"
#include "cli/sweep_plan_options.hpp"

#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

struct SweepOptions {
    SweepPlanOptions plan;
    std::string output = "sweep.db";
    std::optional<std::string> workers;
    std::vector<std::string> emit;  // what for, and the folder
    std::optional<std::string> tasks;
    std::vector<std::string> job;  // the task, and the folder
    std::optional<std::string> merge;
};

class SweepCommand {
public:
    static constexpr const char* name = "sweep";

    // Adds the subcommand to the application, which must outlive this.
    explicit SweepCommand(CLI::App& application);
    SweepCommand(const SweepCommand&) = delete;
    SweepCommand& operator=(const SweepCommand&) = delete;
    ~SweepCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing. Returns the command's exit status.
    int execute() const;

private:
    CLI::App& subcommand_;
    SweepOptions options_;
};

}  // namespace fl::cli
