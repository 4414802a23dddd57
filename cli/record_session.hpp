// RecordSession: `faultline run --record FILE`: the reference string of a run, in FILE.
#pragma once

#include "cli/output_file.hpp"
#include "lab/recorder.hpp"
#include "lab/refs_writer.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

class RecordSession {
public:
    // The file is empty until begin().
    RecordSession(OutputFile file, const std::vector<std::string>& program_words);

    const OutputFile& file() const { return file_; }
    mm::MemoryObserver& observer() { return recorder_; }
    // What came before goes to the file now.
    void begin();
    // One line where the recording could not be written whole.
    std::optional<std::string> finish();

private:
    std::optional<int> write(std::string_view bytes);

    OutputFile file_;
    bool has_begun_ = false;
    std::string held_back_;
    lab::RefsWriter writer_;
    lab::Recorder recorder_;
};

}  // namespace fl::cli
