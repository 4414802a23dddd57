// load_recording: a reference string from a file, in any format that is known.
#pragma once

#include "lab/recording.hpp"
#include "lab/trace_format.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace fl::lab {

struct LoadedRecording {
    Recording recording;
    // One line that names the file: it could not be read to its end, and this is what came before. Empty: it could.
    std::string damage{};
};

// "-" is standard input. What zstd packed is unpacked. Without a format the file's beginning says which it is, or else
// its name; else it is text. The error is one line that names the file: nothing of it could be read.
// `progress` is told now and then how many bytes of the file are read.
tl::expected<LoadedRecording, std::string> load_recording(
    const std::string& path, std::optional<TraceFormat> format,
    const std::function<void(std::uint64_t file_bytes)>& progress = nullptr);

}  // namespace fl::lab
