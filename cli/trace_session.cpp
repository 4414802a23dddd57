#include "cli/trace_session.hpp"

#include <utility>

namespace fl::cli {

TraceSession::TraceSession(OutputFile file, TraceFormat format, TraceSelection selection)
    : output_(std::move(file), format, std::move(selection)),
      tracer_(output_.writer()),
      sampler_(output_.writer(), *this),
      processes_(output_.writer(), *this, sampler_) {
    if (output_.writer().wants_processes()) tracer_.sample_with(sampler_);
}

void TraceSession::begin() {
    output_.begin();
    tracer_.attach(*this);
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
