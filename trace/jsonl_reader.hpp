// JsonlReader: reads a trace that JsonlWriter wrote back into events, for any other form.
//
// The input is untrusted: whatever is wrong with a line ends the reading with one clear message, and all that stands
// before it has been handed on. Fields that the form does not know are passed over.
#pragma once

#include "trace/writer.hpp"

#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace fl::trace {

class JsonlReader {
public:
    // Fills `to` with up to `size` bytes and returns how many there were; 0 at the end, -errno where it fails.
    using Source = std::function<std::ptrdiff_t(char* to, std::size_t size)>;

    // `name` is what messages call the input.
    JsonlReader(Source source, std::string name) : source_(std::move(source)), name_(std::move(name)) {}

    // Hands all events to `writer`, but does not finish it. The error is one line: which input, which line, what is
    // wrong. Call once.
    tl::expected<void, std::string> read(Writer& writer);
    // Lines that were read, empty ones included.
    std::uint64_t line_count() const { return line_number_; }

private:
    // nullptr: the input ends. Without its end; what is kept of it is good until the next call.
    tl::expected<const std::string*, std::string> next_line();
    tl::expected<void, std::string> fill();
    std::string message(std::string_view what) const;

    Source source_;
    std::string name_;
    std::string buffer_;
    std::size_t next_ = 0;  // of the buffer, where the next line starts
    bool at_end_ = false;
    std::string line_;
    std::uint64_t line_number_ = 0;
    bool line_is_cut_ = false;  // its end is missing
};

}  // namespace fl::trace
