#include "cli/recording_store.hpp"

#include "cli/messages.hpp"
#include "lab/load_recording.hpp"
#include "lab/trace_format.hpp"

#include <fmt/format.h>

#include <optional>

namespace fl::cli {

tl::expected<std::shared_ptr<const SharedRecording>, std::string> RecordingStore::get(const lab::SweepSource& source) {
    // Who waits here waits for the same recording, or will soon.
    const std::lock_guard lock(mutex_);
    const Key key{source.path, source.format};
    if (latest_ && key_ == key) return latest_;
    // Before the next one comes, this one may go.
    latest_.reset();
    std::optional<lab::TraceFormat> format;
    if (!source.format.empty()) format = lab::trace_format_by_name(source.format);
    auto loaded = lab::load_recording(source.path, format);
    if (!loaded) return tl::unexpected(loaded.error());
    if (!loaded->damage.empty() && warned_.insert(key).second) {
        report(fmt::format("warning: {}; what comes before is used", loaded->damage));
    }
    key_ = key;
    latest_ = std::make_shared<const SharedRecording>(std::move(loaded->recording));
    return latest_;
}

}  // namespace fl::cli
