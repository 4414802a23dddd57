#include "lab/load_recording.hpp"

#include "lab/trace_reader.hpp"

namespace fl::lab {

tl::expected<LoadedRecording, std::string> load_recording(const std::string& path, std::optional<TraceFormat> format) {
    auto trace = Trace::open(path, format);
    if (!trace) return tl::unexpected(std::move(trace.error()));
    RecordingBuilder builder;
    trace->read_all(builder);
    if (trace->is_useless()) return tl::unexpected(trace->damage());
    return LoadedRecording{.recording = builder.take(), .damage = trace->damage()};
}

}  // namespace fl::lab
