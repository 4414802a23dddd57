// TraceWriter: a reference string, as its events come, to a file of another format.
#pragma once

#include "lab/recording_visitor.hpp"
#include "lab/trace_format.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fl::lab {

// Takes all of the bytes; errno of what went wrong, or nothing.
using ByteSink = std::function<std::optional<int>(std::string_view)>;

class TraceWriter {
public:
    // nullptr: nobody writes this format (lackey).
    static std::unique_ptr<TraceWriter> create(TraceFormat format, ByteSink sink);

    TraceWriter() = default;
    TraceWriter(const TraceWriter&) = delete;
    TraceWriter& operator=(const TraceWriter&) = delete;
    virtual ~TraceWriter() = default;

    // To be told of the events, as RecordingVisitor has it.
    virtual RecordingVisitor& visitor() = 0;
    // They are over: writes what is left.
    virtual void finish() = 0;
    // Of the first write that failed; nothing is written after it.
    virtual std::optional<int> error() const = 0;
};

// Brings bytes to a sink in larger pieces. After an error there are no more.
class SinkBuffer {
public:
    explicit SinkBuffer(ByteSink sink) : sink_(std::move(sink)) {}

    void put(std::string_view bytes) {
        constexpr std::size_t enough = std::size_t{1} << 16U;
        bytes_ += bytes;
        if (bytes_.size() >= enough) flush();
    }
    void flush() {
        if (!error_ && !bytes_.empty()) error_ = sink_(bytes_);
        bytes_.clear();
    }
    std::optional<int> error() const { return error_; }

private:
    ByteSink sink_;
    std::string bytes_;
    std::optional<int> error_;
};

}  // namespace fl::lab
