// Traces in memory, read and written as files are.
#pragma once

#include "lab/trace_reader.hpp"
#include "lab/trace_writer.hpp"
#include "transcript_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fl::lab {

// In pieces of a size that divides nothing.
inline TraceInput input_of(std::string bytes, int error_at_end = 0) {
    constexpr std::size_t piece = 1021;
    return TraceInput(
        [bytes = std::move(bytes), at = std::size_t{0}, error_at_end](char* to, std::size_t size) mutable {
            const std::size_t count = std::min({size, piece, bytes.size() - at});
            std::memcpy(to, bytes.data() + at, count);
            at += count;
            return count == 0 ? -error_at_end : static_cast<std::ptrdiff_t>(count);
        });
}

struct Outcome {
    std::string events, damage;  // of a trace that could not be opened at all: damage alone
    std::uint64_t touches = 0;
    std::optional<TraceFormat> format{};
};

inline Outcome read_trace(const std::string& bytes, std::optional<TraceFormat> format, const std::string& name = "t",
                          int error_at_end = 0) {
    auto trace = Trace::over(input_of(bytes, error_at_end), name, format);
    if (!trace) return {.events = {}, .damage = trace.error()};
    Transcript transcript;
    const Trace::State state = trace->read_all(transcript);
    CHECK((state == Trace::State::complete) == trace->damage().empty());
    CHECK(trace->damage().find('\n') == std::string::npos);
    CHECK(trace->read_some(transcript) == state);
    return {transcript.text, trace->damage(), trace->touches(), trace->format()};
}

// What `tell` says, in a format; and a trace in one format brought to another.
inline std::string written_as(TraceFormat format, const std::function<void(RecordingVisitor&)>& tell) {
    std::string bytes;
    const auto writer = TraceWriter::create(format, [&](std::string_view part) -> std::optional<int> {
        bytes += part;
        return std::nullopt;
    });
    tell(writer->visitor());
    writer->finish();
    CHECK_FALSE(writer->error());
    return bytes;
}

inline std::string converted(const std::string& bytes, TraceFormat from, TraceFormat to) {
    return written_as(to, [&](RecordingVisitor& visitor) {
        auto trace = Trace::over(input_of(bytes), "t", from);
        REQUIRE(trace);
        CHECK(trace->read_all(visitor) == Trace::State::complete);
    });
}

}  // namespace fl::lab
