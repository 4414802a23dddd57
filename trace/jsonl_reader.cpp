#include "trace/jsonl_reader.hpp"

#include "trace/json_events_reader.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <utility>

namespace fl::trace {

namespace {

constexpr std::size_t block_bytes = 256 << 10;
// 65,530 mappings with long names have some 10 MiB.
constexpr std::size_t max_line_bytes = 64 << 20;

// An event has four levels. Each takes much more memory than the line does.
constexpr unsigned max_depth = 16;

bool is_nested_too_deeply(std::string_view line) {
    unsigned depth = 0;
    bool in_string = false;
    for (std::size_t at = 0; at < line.size(); ++at) {
        const char c = line[at];
        if (in_string) {
            if (c == '\\') ++at;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > max_depth) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

std::string JsonlReader::message(std::string_view what) const {
    return fmt::format("{}: line {}: {}", name_, line_number_, what);
}

tl::expected<void, std::string> JsonlReader::fill() {
    buffer_.resize(block_bytes);
    next_ = 0;
    const std::ptrdiff_t count = source_(buffer_.data(), buffer_.size());
    buffer_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count < 0) {
        return tl::unexpected(fmt::format("{}: cannot be read: {}", name_, std::strerror(static_cast<int>(-count))));
    }
    at_end_ = count == 0;
    return {};
}

tl::expected<const std::string*, std::string> JsonlReader::next_line() {
    line_.clear();
    ++line_number_;
    for (;;) {
        const std::size_t end = buffer_.find('\n', next_);
        const std::size_t stop = end != std::string::npos ? end : buffer_.size();
        line_.append(buffer_, next_, stop - next_);
        if (line_.size() > max_line_bytes) {
            return tl::unexpected(message(fmt::format("is longer than {} MiB", max_line_bytes >> 20)));
        }
        if (end != std::string::npos) {
            next_ = end + 1;
            return &line_;
        }
        if (auto filled = fill(); !filled) return tl::unexpected(filled.error());
        if (at_end_) {
            line_is_cut_ = !line_.empty();
            if (line_.empty()) --line_number_;
            return line_.empty() ? nullptr : &line_;
        }
    }
}

tl::expected<void, std::string> JsonlReader::read(Writer& writer) {
    JsonEventReader events;
    for (;;) {
        const auto line = next_line();
        if (!line) return tl::unexpected(line.error());
        if (*line == nullptr) return {};
        if (is_blank(**line)) continue;
        if (is_nested_too_deeply(**line)) return tl::unexpected(message("is nested too deeply"));
        const nlohmann::json object = nlohmann::json::parse(**line, nullptr, false);
        if (object.is_discarded()) {
            return tl::unexpected(message(line_is_cut_ ? "the trace ends in the middle of it" : "is no JSON object"));
        }
        try {
            events.read(object, writer);
        } catch (const LineError& error) {
            return tl::unexpected(message(error.what()));
        }
    }
}

}  // namespace fl::trace
