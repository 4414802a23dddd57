// Outputs that a user names, written whole or not at all.
#pragma once

#include "cli/output_file.hpp"

#include <tl/expected.hpp>

#include <functional>
#include <string>

namespace fl::cli {

// What went wrong, in one line, and the exit status that goes with it.
struct Failure {
    int status = 0;
    std::string line;
};
using Outcome = tl::expected<void, Failure>;

// lab::replace_file() for `path` as the user wrote it: a link stays one, what is no regular file (a pipe, a device) is
// written to as it is, and lines call the file `path`. `write` is given the name of what it has to open and write.
Outcome replace_output(const std::string& path, const std::function<Outcome(const std::string& path)>& write);

// The same with the file opened, and where `output` is '-', standard output.
Outcome write_output(const std::string& output, const std::function<Outcome(OutputFile file)>& write);

}  // namespace fl::cli
