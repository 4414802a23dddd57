#include "cli/dmesg_session.hpp"

#include "cli/trace_session.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace fl::cli {

DmesgSession::DmesgSession(OutputFile file)
    : file_(std::move(file)), output_(file_.descriptor(), delivery_for(file_.descriptor())) {}

// Programs can write to the log, and their names stand in it: whatever they hold.
kernel::KernelLog::Sink DmesgSession::sink() {
    return [this](std::string_view lines) {
        while (!lines.empty()) {
            const std::size_t length = std::min(lines.find('\n'), lines.size());
            output_.append(trace::printable(lines.substr(0, length)) + "\n");
            output_.end_record();
            lines.remove_prefix(std::min(length + 1, lines.size()));
        }
    };
}

void DmesgSession::begin() {
    file_.begin();
    output_.release();
}

std::optional<std::string> DmesgSession::finish() {
    output_.flush();
    const std::optional<int> close_error = file_.close();
    const int error = output_.error() != 0 ? output_.error() : close_error.value_or(0);
    if (error == 0) return std::nullopt;
    return fmt::format("{}: the kernel's log could not be written: {}", file_.name(), std::strerror(error));
}

}  // namespace fl::cli
