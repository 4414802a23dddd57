#include "cli/log_file.hpp"

#include "cli/trace_session.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace fl::cli {

LogFile::LogFile(OutputFile file, std::string what)
    : file_(std::move(file)), what_(std::move(what)), output_(file_.descriptor(), delivery_for(file_.descriptor())) {}

void LogFile::begin() {
    file_.begin();
    output_.release();
}

std::optional<std::string> LogFile::finish() {
    output_.flush();
    const std::optional<int> close_error = file_.close();
    const int error = output_.error() != 0 ? output_.error() : close_error.value_or(0);
    if (error == 0) return std::nullopt;
    return fmt::format("{}: {} could not be written: {}", file_.name(), what_, std::strerror(error));
}

}  // namespace fl::cli
