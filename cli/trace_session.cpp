#include "cli/trace_session.hpp"

#include "trace/jsonl_writer.hpp"
#include "trace/terminal.hpp"
#include "trace/text_writer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace fl::cli {

namespace {

std::unique_ptr<trace::Writer> make_writer(TraceFormat format, trace::Output& output, int descriptor) {
    if (format == TraceFormat::jsonl) return std::make_unique<trace::JsonlWriter>(output);
    return std::make_unique<trace::TextWriter>(output, trace::terminal_traits(descriptor));
}

}  // namespace

trace::Delivery delivery_for(int descriptor) {
    const bool shared = descriptor == STDERR_FILENO || ::isatty(descriptor) != 0;
    return shared ? trace::Delivery::each_record : trace::Delivery::when_full;
}

TraceSession::TraceSession(OutputFile file, TraceFormat format)
    : file_(std::move(file)),
      output_(file_.descriptor(), delivery_for(file_.descriptor())),
      writer_(make_writer(format, output_, file_.descriptor())),
      tracer_(*writer_),
      sampler_(*writer_, *this),
      processes_(*writer_, *this, sampler_) {
    if (writer_->wants_processes()) tracer_.sample_with(sampler_);
}

void TraceSession::begin() {
    file_.begin();
    output_.release();
    tracer_.attach(*this);
}

std::optional<std::string> TraceSession::finish() {
    writer_->finish();
    const std::optional<int> close_error = file_.close();
    const int error = output_.error() != 0 ? output_.error() : close_error.value_or(0);
    if (error == 0) return std::nullopt;
    return fmt::format("{}: the trace could not be written: {}", file_.name(), std::strerror(error));
}

std::size_t TraceSession::peek(VirtAddr address, std::span<std::byte> into) const {
    return machine_->peek(address, into);
}

std::optional<trace::RunningImage> TraceSession::image() const {
    const mm::MmStruct* mm = machine_->current_mm();
    if (mm == nullptr || mm->exe_file() == nullptr) return std::nullopt;
    return trace::RunningImage{mm->exe_file(), mm->bounds().load_bias};
}

}  // namespace fl::cli
