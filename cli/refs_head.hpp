// faultline refs head: the first events of a recorded reference string.
#pragma once

#include "cli/option.hpp"
#include "cli/recording_option.hpp"

#include <cstdint>

namespace fl::cli {

class RefsHead {
public:
    // Adds the subcommand to `faultline refs`, which must outlive this.
    explicit RefsHead(CLI::App& refs);

    bool is_asked() const { return is_asked_for(subcommand_); }
    // Returns the command's exit status.
    int execute() const;

private:
    CLI::App& subcommand_;
    RecordingOption recording_;
    std::uint64_t count_ = 10;
};

}  // namespace fl::cli
