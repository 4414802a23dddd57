// faultline refs info: what a recorded reference string is.
#pragma once

#include "cli/option.hpp"
#include "cli/recording_option.hpp"

namespace fl::cli {

class RefsInfo {
public:
    // Adds the subcommand to `faultline refs`, which must outlive this.
    explicit RefsInfo(CLI::App& refs);

    bool is_asked() const { return is_asked_for(subcommand_); }
    // Returns the command's exit status.
    int execute() const;

private:
    CLI::App& subcommand_;
    RecordingOption recording_;
};

}  // namespace fl::cli
