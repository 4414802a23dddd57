// faultline explain: one page fault, told as a story.
#pragma once

#include "cli/cli11.hpp"
#include "cli/machine_options.hpp"

#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

class ExplainCommand {
public:
    static constexpr const char* name = "explain";

    // Adds the subcommand to the application, which must outlive this.
    explicit ExplainCommand(CLI::App& application);
    ExplainCommand(const ExplainCommand&) = delete;
    ExplainCommand& operator=(const ExplainCommand&) = delete;
    ~ExplainCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing: the number of the fault, then the program's path and arguments. Returns the exit status.
    int execute(const std::vector<std::string>& words) const;

private:
    CLI::App& subcommand_;
    MachineTexts machine_;
    std::optional<std::string> output_;
};

}  // namespace fl::cli
