#include "lab/lackey_reader.hpp"

#include "lab/quoted.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace fl::lab {

namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::size_t max_line_bytes = 64;

}  // namespace

struct LackeyReader::Access {
    std::uint64_t first_page;
    std::uint64_t last_page;
};

TraceReader::State LackeyReader::read_some(RecordingVisitor& visitor) {
    if (is_damaged()) return State::damaged;
    constexpr unsigned lines_at_once = 4096;
    std::string line;
    for (unsigned i = 0; i < lines_at_once; ++i) {
        if (!read_line(line)) {
            pages_.flush(visitor);
            return State::complete;
        }
        if (std::string problem = take(line, visitor); !problem.empty()) {
            pages_.flush(visitor);
            return damaged(fmt::format("line {}: {}", line_number_, problem));
        }
    }
    return State::more;
}

// Without its end, and of a long one no more than shows that it is.
bool LackeyReader::read_line(std::string& line) {
    using Traits = std::istream::traits_type;
    std::streambuf& bytes = *in_.rdbuf();
    line.clear();
    int byte = bytes.sbumpc();
    if (byte == Traits::eof()) return false;
    for (; byte != Traits::eof() && byte != '\n'; byte = bytes.sbumpc()) {
        if (line.size() <= max_line_bytes) line += Traits::to_char_type(byte);
    }
    ++line_number_;
    return true;
}

std::string LackeyReader::take(std::string_view line, RecordingVisitor& visitor) {
    if (line.empty() || line.starts_with("==")) return {};
    const std::string_view kind = line.substr(0, 3);
    const bool is_known = kind == "I  " || kind == " L " || kind == " S " || kind == " M ";
    const char* at = line.data() + kind.size();
    const char* const end = line.data() + line.size();
    std::uint64_t address = 0, size = 0;
    const auto [comma, address_error] = std::from_chars(at, end, address, 16);
    const bool has_size = address_error == std::errc() && comma != end && *comma == ',';
    const auto [last, size_error] = has_size ? std::from_chars(comma + 1, end, size) : std::from_chars_result{end, {}};
    if (!is_known || !has_size || size_error != std::errc() || last != end) {
        return fmt::format("{} is no line of lackey's", quoted(line));
    }
    if (size == 0 || size > page_bytes || address > std::numeric_limits<std::uint64_t>::max() - (size - 1)) {
        return fmt::format("{}: no access has this size there", quoted(line));
    }
    const Access access{address / page_bytes, (address + size - 1) / page_bytes};
    const char letter = kind == "I  " ? 'I' : kind[1];
    bool has_room = true;
    if (letter == 'I') has_room = touch(access, Touch::fetch, visitor);
    if (letter == 'L' || letter == 'M') has_room = touch(access, Touch::read, visitor);
    if (letter == 'S' || letter == 'M') has_room = has_room && touch(access, Touch::write, visitor);
    return has_room ? "" : "there are more pages than can be numbered";
}

bool LackeyReader::touch(const Access& access, Touch touch, RecordingVisitor& visitor) {
    return pages_.touch(access.first_page, touch, visitor) &&
           (access.last_page == access.first_page || pages_.touch(access.last_page, touch, visitor));
}

}  // namespace fl::lab
