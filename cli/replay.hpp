// faultline replay: a recorded reference string under any policy, at any number of frames.
#pragma once

#include "cli/cli11.hpp"
#include "cli/recording_option.hpp"
#include "cli/replay_report.hpp"
#include "cli/sweep_grid.hpp"
#include "lab/prepared_string.hpp"

#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

struct ReplayCommandOptions {
    std::vector<std::string> policies;
    std::string frames;
    std::optional<std::string> csv, json, report;  // file names
    std::optional<std::string> cost;
    std::string seed = "0";
    std::optional<std::string> workers;
    bool explain = false;
    std::string explained_count = "20";  // evictions
    std::string explained_from = "1";    // the number of a reference
};

class ReplayCommand {
public:
    static constexpr const char* name = "replay";

    // Adds the subcommand to the application, which must outlive this.
    explicit ReplayCommand(CLI::App& application);
    ReplayCommand(const ReplayCommand&) = delete;
    ReplayCommand& operator=(const ReplayCommand&) = delete;
    ~ReplayCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing. Returns the command's exit status.
    int execute() const;

private:
    int compare(const std::vector<NamedPolicy>& policies, const FrameGrid& grid) const;
    int explain(const std::vector<NamedPolicy>& policies, const FrameGrid& grid) const;

    CLI::App& subcommand_;
    RecordingOption recording_;
    ReplayCommandOptions options_;
};

}  // namespace fl::cli
