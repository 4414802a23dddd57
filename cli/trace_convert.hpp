// faultline trace convert: a trace in another format.
#pragma once

#include "cli/option.hpp"
#include "cli/trace_output.hpp"

#include <string>

namespace fl::cli {

class TraceConvert {
public:
    // Adds the subcommand to `faultline trace`, which must outlive this.
    explicit TraceConvert(CLI::App& trace);

    // Returns the command's exit status.
    int execute() const;

private:
    CLI::App& subcommand_;
    std::string input_;
    std::string output_;
    std::string format_;
    TraceSelectionOptions selection_;
};

}  // namespace fl::cli
