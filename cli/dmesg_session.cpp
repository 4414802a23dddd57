#include "cli/dmesg_session.hpp"

#include "trace/text_cell.hpp"

#include <algorithm>
#include <utility>

namespace fl::cli {

DmesgSession::DmesgSession(OutputFile file) : file_(std::move(file), "the kernel's log") {}

// Programs can write to the log, and their names stand in it: whatever they hold.
kernel::KernelLog::Sink DmesgSession::sink() {
    return [this](std::string_view lines) {
        while (!lines.empty()) {
            const std::size_t length = std::min(lines.find('\n'), lines.size());
            file_.output().append(trace::printable(lines.substr(0, length)) + "\n");
            file_.output().end_record();
            lines.remove_prefix(std::min(length + 1, lines.size()));
        }
    };
}

}  // namespace fl::cli
