#include "trace/report/columns.hpp"

#include <algorithm>
#include <array>

namespace fl::trace::report {

namespace {

constexpr std::uint64_t zigzag(std::int64_t value) {
    return static_cast<std::uint64_t>(value) << 1U ^ static_cast<std::uint64_t>(value >> 63);
}

}  // namespace

const char* encoding_name(Encoding encoding) {
    constexpr std::array names{"plain", "delta", "predicted"};
    return names.at(static_cast<std::size_t>(encoding));
}

void Column::append_code(std::uint64_t code) {
    for (std::size_t plane = 0; code != 0 || plane < planes_.size(); ++plane, code >>= 8U) {
        if (plane == planes_.size()) planes_.emplace_back(rows_, '\0');
        planes_[plane] += static_cast<char>(code & 0xffU);
    }
    ++rows_;
}

void Column::append_difference(std::uint64_t value, std::uint64_t from) {
    append_code(zigzag(static_cast<std::int64_t>(value - from)));
}

void Column::append(std::uint64_t value) {
    value = std::min(value, max_value);
    if (encoding_ == Encoding::plain) {
        append_code(value);
    } else {
        append_difference(value, last_);
    }
    last_ = value;
    largest_ = std::max(largest_, value);
}

void Column::append(std::uint64_t value, std::uint64_t prediction) {
    value = std::min(value, max_value);
    append_difference(value, std::min(prediction, max_value));
    largest_ = std::max(largest_, value);
}

}  // namespace fl::trace::report
