// ReportSession: everything between a machine and the HTML page that the user named.
#pragma once

#include "cli/machine_tracer.hpp"
#include "cli/output_file.hpp"
#include "cli/statistics.hpp"
#include "trace/output.hpp"
#include "trace/report/report_writer.hpp"

#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

class ReportSession {
public:
    explicit ReportSession(OutputFile file);
    ReportSession(const ReportSession&) = delete;
    ReportSession& operator=(const ReportSession&) = delete;
    ~ReportSession() = default;

    MachineTracer& tracer() { return tracer_; }
    const OutputFile& file() const { return file_; }
    void attach(const kernel::Machine& machine, const trace::FaultCosts& costs);
    // The run is over: the page is written, whole or not at all. One line where it could not be.
    std::optional<std::string> finish(trace::report::ReportHead head);

private:
    OutputFile file_;
    trace::Output output_;
    trace::report::ReportWriter writer_;
    MachineTracer tracer_;
};

// What stands above the page of a run; `words`: the program and its arguments.
trace::report::ReportHead run_report_head(const std::vector<std::string>& words, const RunSummary& run);

// Hands the page to the file, for all who make one; one line where it could not be written.
std::optional<std::string> finish_report(trace::report::ReportWriter& writer, trace::Output& output, OutputFile& file);

}  // namespace fl::cli
