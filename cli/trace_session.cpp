#include "cli/trace_session.hpp"

#include <utility>

namespace fl::cli {

TraceSession::TraceSession(OutputFile file, TraceFormat format, TraceSelection selection)
    : output_(std::move(file), format, std::move(selection)), tracer_(output_.writer()) {}

void TraceSession::begin() {
    output_.begin();
    tracer_.begin();
}

}  // namespace fl::cli
