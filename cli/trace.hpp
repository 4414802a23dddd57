// faultline trace: works on traces that were written before.
#pragma once

#include "cli/cli11.hpp"
#include "cli/trace_convert.hpp"

namespace fl::cli {

class TraceCommand {
public:
    static constexpr const char* name = "trace";

    // Adds the subcommand to the application, which must outlive this.
    explicit TraceCommand(CLI::App& application);
    TraceCommand(const TraceCommand&) = delete;
    TraceCommand& operator=(const TraceCommand&) = delete;
    ~TraceCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing. Returns the command's exit status.
    int execute() const { return convert_.execute(); }

private:
    CLI::App& subcommand_;
    TraceConvert convert_;
};

}  // namespace fl::cli
