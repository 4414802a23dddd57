#include "cli/record_session.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace fl::cli {

RecordSession::RecordSession(OutputFile file, const std::vector<std::string>& program_words)
    : file_(std::move(file)), writer_([this](std::string_view bytes) { return write(bytes); }), recorder_(writer_) {
    writer_.on_about("recorder", "faultline " FAULTLINE_VERSION);
    writer_.on_about("program", fmt::format("{}", fmt::join(program_words, " ")));
}

// Loading the program touches pages already, and it may fail.
std::optional<int> RecordSession::write(std::string_view bytes) {
    if (has_begun_) return file_.write(std::string(bytes));
    held_back_ += bytes;
    return std::nullopt;
}

void RecordSession::begin() {
    file_.begin();
    has_begun_ = true;
    (void)write(std::exchange(held_back_, {}));
}

std::optional<std::string> RecordSession::finish() {
    recorder_.finish();
    writer_.finish();
    const std::optional<int> close_error = file_.close();
    const std::optional<int> error = writer_.error() ? writer_.error() : close_error;
    if (!error) return std::nullopt;
    return fmt::format("{}: the recording could not be written: {}", file_.name(), std::strerror(*error));
}

}  // namespace fl::cli
