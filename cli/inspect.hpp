// faultline inspect: views on the machine, stopped at a page fault, an instruction, an eviction or the program's end.
#pragma once

#include "cli/cli11.hpp"
#include "cli/machine_options.hpp"

#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

struct InspectOptions {
    MachineTexts machine;
    std::optional<std::string> at_fault, at_instruction, at_eviction;
    bool at_exit = false;
    std::optional<std::string> show;
    bool json = false;
    std::vector<std::string> walks, physicals;
    std::optional<std::string> pid;
    std::optional<std::string> output;
};

class InspectCommand {
public:
    static constexpr const char* name = "inspect";

    // Adds the subcommand to the application, which must outlive this.
    explicit InspectCommand(CLI::App& application);
    InspectCommand(const InspectCommand&) = delete;
    InspectCommand& operator=(const InspectCommand&) = delete;
    ~InspectCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing: runs the program, whose path and arguments these are. Returns the command's exit status.
    int execute(const std::vector<std::string>& program_words) const;

private:
    CLI::App& subcommand_;
    InspectOptions options_;
};

}  // namespace fl::cli
