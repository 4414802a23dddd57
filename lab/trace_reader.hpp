// TraceReader: the events of a reference string, part by part, whatever its format. The bytes are not trusted.
#pragma once

#include "lab/recording_visitor.hpp"
#include "lab/trace_format.hpp"
#include "lab/trace_input.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace fl::lab {

class TraceReader {
public:
    enum class State : std::uint8_t {
        more,
        complete,
        damaged,  // it ends here, before its end; damage() says why
    };

    TraceReader() = default;
    TraceReader(const TraceReader&) = delete;
    TraceReader& operator=(const TraceReader&) = delete;
    virtual ~TraceReader() = default;

    // Tells `visitor` of the next events: some thousands where there are as many. It hears of nothing that is not
    // well-formed, and events come in an order that a recorder could write.
    virtual State read_some(RecordingVisitor& visitor) = 0;
    // One line that does not name the file: what is wrong, and where. Empty: nothing so far.
    const std::string& damage() const { return damage_; }
    // References so far.
    virtual std::uint64_t touches() const = 0;

protected:
    State damaged(std::string what) {
        damage_ = std::move(what);
        return State::damaged;
    }
    bool is_damaged() const { return !damage_.empty(); }

private:
    std::string damage_;
};

// A file that is read: its bytes, what format they have, and their reader.
class Trace {
public:
    using State = TraceReader::State;

    // load_recording() has the arguments. The error is one line that names the file.
    static tl::expected<Trace, std::string> open(const std::string& path, std::optional<TraceFormat> format);
    // The same for bytes from anywhere. `path` is the name for messages, and its suffix counts.
    static tl::expected<Trace, std::string> over(TraceInput input, const std::string& path,
                                                 std::optional<TraceFormat> format);

    State read_some(RecordingVisitor& visitor);
    State read_all(RecordingVisitor& visitor);

    TraceFormat format() const { return format_; }
    std::uint64_t touches() const { return reader_->touches(); }
    std::uint64_t file_bytes() const { return input_.file_bytes(); }
    // One line that names the file. Empty: nothing is wrong so far.
    const std::string& damage() const { return damage_; }
    // Something is wrong, and came before the first reference: there is nothing to use.
    bool is_useless() const { return !damage_.empty() && touches() == 0; }

private:
    Trace(TraceInput input, std::string path, TraceFormat format, std::unique_ptr<TraceReader> reader)
        : input_(std::move(input)), path_(std::move(path)), format_(format), reader_(std::move(reader)) {}

    TraceInput input_;
    std::string path_;
    TraceFormat format_;
    std::unique_ptr<TraceReader> reader_;
    std::string damage_;
};

}  // namespace fl::lab
