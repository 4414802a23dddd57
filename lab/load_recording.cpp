#include "lab/load_recording.hpp"

#include "lab/trace_reader.hpp"

namespace fl::lab {

tl::expected<LoadedRecording, std::string> load_recording(const std::string& path, std::optional<TraceFormat> format,
                                                          const std::function<void(std::uint64_t)>& progress) {
    auto trace = Trace::open(path, format);
    if (!trace) return tl::unexpected(std::move(trace.error()));
    RecordingBuilder builder;
    while (trace->read_some(builder) == Trace::State::more) {
        if (progress) progress(trace->file_bytes());
    }
    if (trace->is_useless()) return tl::unexpected(trace->damage());
    return LoadedRecording{.recording = builder.take(), .damage = trace->damage()};
}

}  // namespace fl::lab
