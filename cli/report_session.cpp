#include "cli/report_session.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <utility>

namespace fl::cli {

ReportSession::ReportSession(OutputFile file)
    : file_(std::move(file)),
      output_(file_.descriptor(), trace::Delivery::when_full),
      writer_(output_),
      tracer_(writer_) {}

void ReportSession::attach(const kernel::Machine& machine, const trace::FaultCosts& costs) {
    tracer_.attach(machine, costs);
}

std::optional<std::string> ReportSession::finish(trace::report::ReportHead head) {
    writer_.set_head(std::move(head));
    return finish_report(writer_, output_, file_);
}

trace::report::ReportHead run_report_head(const std::vector<std::string>& words, const RunSummary& run) {
    const kernel::MachineStatistics& statistics = run.statistics;
    trace::report::ReportHead head;
    head.title = fmt::format("{}", fmt::join(words, " "));
    const auto add = [&head](const char* name, std::string value) { head.facts.emplace_back(name, std::move(value)); };
    add("Ended", run.exit.signal != 0 ? fmt::format("by signal {}", run.exit.signal)
                                      : fmt::format("exit status {}", run.exit.status));
    add("Memory of the machine", fmt::format("{} frames of 4 KiB", statistics.total_frames.value()));
    add("Frames for user pages", statistics.frame_limit ? fmt::format("{} at most", statistics.frame_limit->value())
                                                        : std::string("as many as there are"));
    add("Replacement policy", statistics.policy->name);
    add("Swap slots", fmt::to_string(statistics.swap_slots.value()));
    if (run.clock == kernel::ClockMode::virtual_time) {
        add("Instructions", fmt::format("{}", statistics.instructions));
    } else {
        add("Clock", "the host's");
    }
    if (!run.stopped.empty()) head.notes.push_back(fmt::format("The run came to no end of its own: {}.", run.stopped));
    return head;
}

std::optional<std::string> finish_report(trace::report::ReportWriter& writer, trace::Output& output, OutputFile& file) {
    file.begin();
    output.release();
    writer.finish();
    if (output.error() != 0) file.discard();
    const std::optional<int> close_error = file.close();
    const int error = output.error() != 0 ? output.error() : close_error.value_or(0);
    if (error == 0) return std::nullopt;
    return fmt::format("{}: the report could not be written: {}", file.name(), std::strerror(error));
}

}  // namespace fl::cli
