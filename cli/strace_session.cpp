#include "cli/strace_session.hpp"

#include "cli/trace_session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace fl::cli {

StraceSession::StraceSession(OutputFile file)
    : file_(std::move(file)), output_(file_.descriptor(), delivery_for(file_.descriptor())) {}

kernel::strace::LogOptions StraceSession::log() {
    const bool for_people = file_.descriptor() == STDERR_FILENO;
    return {.write =
                [this](std::string_view text) {
                    output_.append(text);
                    output_.end_record();
                },
            .prefix = for_people ? kernel::strace::TaskPrefix::where_several : kernel::strace::TaskPrefix::always};
}

void StraceSession::begin() {
    file_.begin();
    output_.release();
}

std::optional<std::string> StraceSession::finish() {
    output_.flush();
    const std::optional<int> close_error = file_.close();
    const int error = output_.error() != 0 ? output_.error() : close_error.value_or(0);
    if (error == 0) return std::nullopt;
    return fmt::format("{}: the system calls could not be written: {}", file_.name(), std::strerror(error));
}

}  // namespace fl::cli
