// LogFile: lines of a run on their way to the file that the user named or to standard error, held back until it begins.
#pragma once

#include "cli/output_file.hpp"
#include "trace/output.hpp"

#include <optional>
#include <string>

namespace fl::cli {

class LogFile {
public:
    // `what` stands in the line of finish(): "the system calls".
    LogFile(OutputFile file, std::string what);
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;
    ~LogFile() = default;

    const OutputFile& file() const { return file_; }
    trace::Output& output() { return output_; }
    // What was said so far, and what will be, is written.
    void begin();
    // One line where it could not be written in full.
    std::optional<std::string> finish();

private:
    OutputFile file_;
    std::string what_;
    trace::Output output_;
};

}  // namespace fl::cli
