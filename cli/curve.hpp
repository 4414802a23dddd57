// faultline curve: what a recorded reference string costs at every number of frames and at every window, in one pass.
#pragma once

#include "cli/cli11.hpp"
#include "cli/recording_option.hpp"

#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

class CurveCommand {
public:
    static constexpr const char* name = "curve";

    // Adds the subcommand to the application, which must outlive this.
    explicit CurveCommand(CLI::App& application);
    CurveCommand(const CurveCommand&) = delete;
    CurveCommand& operator=(const CurveCommand&) = delete;
    ~CurveCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing. Returns the command's exit status.
    int execute() const;

private:
    CLI::App& subcommand_;
    RecordingOption recording_;
    std::vector<std::string> kinds_ = {"all"};
    std::optional<std::string> csv_, json_;
};

}  // namespace fl::cli
