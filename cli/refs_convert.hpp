// faultline refs convert: a reference string in another format.
#pragma once

#include "cli/option.hpp"
#include "lab/trace_format.hpp"
#include "lab/trace_reader.hpp"

#include <string>

namespace fl::cli {

class RefsConvert {
public:
    // Adds the subcommand to `faultline refs`, which must outlive this.
    explicit RefsConvert(CLI::App& refs);

    bool is_asked() const { return is_asked_for(subcommand_); }
    // Returns the command's exit status.
    int execute() const;

private:
    CLI::App& subcommand_;
    std::string input_;
    std::string output_;
    std::string from_;
    std::string to_;
};

}  // namespace fl::cli
