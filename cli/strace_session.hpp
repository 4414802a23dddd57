// StraceSession: the system calls of a run, on their way to the file that the user named or to standard error.
#pragma once

#include "cli/log_file.hpp"
#include "kernel/strace/log.hpp"

#include <optional>
#include <string>

namespace fl::cli {

class StraceSession {
public:
    explicit StraceSession(OutputFile file);
    StraceSession(const StraceSession&) = delete;
    StraceSession& operator=(const StraceSession&) = delete;
    ~StraceSession() = default;

    const OutputFile& file() const { return file_.file(); }
    // For the machine, which must not outlive this.
    kernel::strace::LogOptions log();
    // The machine has its program: what was said so far, and what will be, is written.
    void begin() { file_.begin(); }
    // The run is over. One line where the calls could not be written in full.
    std::optional<std::string> finish() { return file_.finish(); }

private:
    LogFile file_;
};

}  // namespace fl::cli
