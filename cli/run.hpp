// faultline run: runs a program on the emulated machine.
#pragma once

#include "cli/memory_options.hpp"
#include "cli/trace_session.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

struct RunOptions {
    MemoryOptions memory;
    std::optional<std::string> trace;  // file name; empty: standard error
    std::string trace_format = "text";
    TraceSelectionOptions selection;        // of the trace
    std::optional<std::string> report;      // file name
    std::optional<std::string> statistics;  // as trace
    std::optional<std::string> dump_mm;     // as trace
    std::optional<std::string> dump_at;     // fault numbers
    std::string fault_around = "16";
    std::optional<std::string> strace;  // as trace
    std::optional<std::string> record;  // the file
    std::string seed = "0";
    std::string clock = "virtual";
    std::string max_tasks = "4096";
    std::optional<std::string> max_instructions;
    std::optional<std::string> timeout;  // seconds of the host's time
    std::vector<std::string> environment;
    std::optional<std::string> root;  // folder of the host
    std::vector<std::string> binds;   // HOST:GUEST[:rw]
    bool paranoid = false;
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
