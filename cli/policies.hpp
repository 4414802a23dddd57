// faultline policies: which replacement policies there are, and what one of them is.
#pragma once

#include "cli/cli11.hpp"

#include <string>
#include <vector>

namespace fl::cli {

class PoliciesCommand {
public:
    static constexpr const char* name = "policies";

    // Adds the subcommand to the application, which must outlive this.
    explicit PoliciesCommand(CLI::App& application);
    PoliciesCommand(const PoliciesCommand&) = delete;
    PoliciesCommand& operator=(const PoliciesCommand&) = delete;
    ~PoliciesCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing: prints. Returns the command's exit status.
    static int execute(const std::vector<std::string>& words);

private:
    CLI::App& subcommand_;
};

}  // namespace fl::cli
