// load_recording: a reference string from a file, in any format that is known.
#pragma once

#include "lab/recording.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace fl::lab {

enum class TraceFormat : std::uint8_t {
    refs,  // our own
    text,
    u64,
    lackey,
    oracle_general,
};

struct LoadedRecording {
    Recording recording;
    // One line that names the file: it could not be read to its end, and this is what came before. Empty: it could.
    std::string damage{};
};

// nullopt: the file's beginning says which format it is. The error is one line that names the file: nothing of it could
// be read.
tl::expected<LoadedRecording, std::string> load_recording(const std::string& path, std::optional<TraceFormat> format);

}  // namespace fl::lab
