// faultline run: runs a program on the emulated machine.
#pragma once

#include "cli/cli11.hpp"
#include "cli/machine_options.hpp"
#include "cli/trace_session.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

struct RunOptions {
    MachineTexts machine;
    std::optional<std::string> trace;  // file name; empty: standard error
    std::string trace_format = "text";
    TraceSelectionOptions selection;        // of the trace
    std::optional<std::string> report;      // file name
    std::optional<std::string> statistics;  // as trace
    std::optional<std::string> dump_mm;     // as trace
    std::optional<std::string> dump_at;     // fault numbers
    std::optional<std::string> strace;      // as trace
    std::optional<std::string> dmesg;       // as trace
    std::vector<std::string> modules;       // NAME[,argument=value...]
    std::optional<std::string> record;      // the file
    std::optional<std::string> max_instructions;
    bool paranoid = false;
    bool check_walkers = false;
};

class RunCommand {
public:
    static constexpr const char* name = "run";

    // Adds the subcommand to the application, which must outlive this.
    explicit RunCommand(CLI::App& application);
    RunCommand(const RunCommand&) = delete;
    RunCommand& operator=(const RunCommand&) = delete;
    ~RunCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing: runs the program, whose path and arguments these are. Returns the command's exit status.
    int execute(const std::vector<std::string>& program_words) const;

private:
    CLI::App& subcommand_;
    RunOptions options_;
};

}  // namespace fl::cli
