// faultline report: a trace as one HTML page.
#pragma once

#include "cli/cli11.hpp"

#include <string>

namespace fl::cli {

class ReportCommand {
public:
    static constexpr const char* name = "report";

    // Adds the subcommand to the application, which must outlive this.
    explicit ReportCommand(CLI::App& application);
    ReportCommand(const ReportCommand&) = delete;
    ReportCommand& operator=(const ReportCommand&) = delete;
    ~ReportCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing. Returns the command's exit status.
    int execute() const;

private:
    CLI::App& subcommand_;
    std::string trace_;
    std::string output_;  // empty: beside the trace
};

}  // namespace fl::cli
