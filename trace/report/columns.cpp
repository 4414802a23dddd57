#include "trace/report/columns.hpp"

#include <algorithm>

namespace fl::trace::report {

namespace {

void append_varint(std::string& to, std::uint64_t value) {
    while (value >= 0x80) {
        to += static_cast<char>(value | 0x80U);
        value >>= 7U;
    }
    to += static_cast<char>(value);
}

constexpr std::uint64_t zigzag(std::int64_t value) {
    return static_cast<std::uint64_t>(value) << 1U ^ static_cast<std::uint64_t>(value >> 63);
}

}  // namespace

void Column::append(std::uint64_t value) {
    value = std::min(value, max_value);
    if (encoding_ == Encoding::plain) {
        append_varint(bytes_, value);
    } else {
        append_varint(bytes_, zigzag(static_cast<std::int64_t>(value - last_)));
    }
    last_ = value;
    largest_ = std::max(largest_, value);
    ++rows_;
}

}  // namespace fl::trace::report
