// RecordingStore: the recordings of a sweep, each loaded once for all who replay it.
#pragma once

#include "lab/prepared_string.hpp"
#include "lab/recording.hpp"
#include "lab/sweep_plan.hpp"

#include <tl/expected.hpp>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace fl::cli {

// What replays of a recording share.
struct SharedRecording {
    explicit SharedRecording(lab::Recording loaded) : recording(std::move(loaded)) {}

    const lab::Recording recording;
    const lab::PreparedString string{recording.string};
};

class RecordingStore {
public:
    // From any number of threads. The one that was asked for last stays in memory, others as long as somebody has them.
    // A recording that is damaged is what can be read of it, with one line of warning. The error is one line.
    tl::expected<std::shared_ptr<const SharedRecording>, std::string> get(const lab::SweepSource& source);

private:
    using Key = std::pair<std::string, std::string>;  // path and format

    std::mutex mutex_;
    Key key_;
    std::shared_ptr<const SharedRecording> latest_;
    std::set<Key> warned_;
};

}  // namespace fl::cli
