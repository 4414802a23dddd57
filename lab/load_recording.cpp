#include "lab/load_recording.hpp"

#include "lab/refs_reader.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace fl::lab {

tl::expected<LoadedRecording, std::string> load_recording(const std::string& path,
                                                          std::optional<TraceFormat> /*format*/) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return tl::unexpected(path + ": " + std::strerror(errno));
    auto reader = RefsReader::open(in);
    if (!reader) return tl::unexpected(path + ": " + reader.error());
    RecordingBuilder builder;
    LoadedRecording loaded;
    if (reader->read_all(builder) == RefsReader::State::damaged) loaded.damage = path + ": " + reader->damage();
    loaded.recording = builder.take();
    return loaded;
}

}  // namespace fl::lab
