// DmesgSession: the kernel's log of a run, on its way to the file that the user named or to standard error.
#pragma once

#include "cli/log_file.hpp"
#include "kernel/kernel_log.hpp"

#include <optional>
#include <string>

namespace fl::cli {

class DmesgSession {
public:
    explicit DmesgSession(OutputFile file);
    DmesgSession(const DmesgSession&) = delete;
    DmesgSession& operator=(const DmesgSession&) = delete;
    ~DmesgSession() = default;

    const OutputFile& file() const { return file_.file(); }
    // For the machine, which must not outlive this.
    kernel::KernelLog::Sink sink();
    // The machine has its program: what was said so far, and what will be, is written.
    void begin() { file_.begin(); }
    // The run is over. One line where the log could not be written in full.
    std::optional<std::string> finish() { return file_.finish(); }

private:
    LogFile file_;
};

}  // namespace fl::cli
