#include "lab/record_readers.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace fl::lab {

namespace {

static_assert(std::endian::native == std::endian::little);

template <class Integer>
Integer integer_at(const char* bytes) {
    Integer value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

}  // namespace

template <std::size_t record_bytes>
TraceReader::State RecordReader<record_bytes>::read_some(RecordingVisitor& visitor) {
    if (is_damaged()) return State::damaged;
    in_.read(records_.data(), static_cast<std::streamsize>(records_.size()));
    const auto size = static_cast<std::size_t>(in_.gcount());
    std::size_t at = 0;
    for (; size - at >= record_bytes; at += record_bytes) {
        std::uint64_t page_number = 0;
        if (!decode(records_.data() + at, page_number)) continue;
        if (pages_.touch(page_number, Touch::read, visitor)) continue;
        pages_.flush(visitor);
        return damaged(fmt::format("at byte {}: there are more pages than can be numbered", offset_ + at));
    }
    offset_ += size;
    if (size == records_.size()) return State::more;
    pages_.flush(visitor);
    if (at == size) return State::complete;
    return damaged(
        fmt::format("cut off at byte {}: a record has {} bytes, the last one {}", offset_, record_bytes, size - at));
}

template class RecordReader<8>;
template class RecordReader<24>;

bool U64Reader::decode(const char* record, std::uint64_t& page_number) const {
    page_number = integer_at<std::uint64_t>(record);
    return true;
}

bool OracleGeneralReader::decode(const char* record, std::uint64_t& page_number) const {
    constexpr std::size_t object_at = 4, size_at = 12;
    page_number = integer_at<std::uint64_t>(record + object_at);
    return integer_at<std::uint32_t>(record + size_at) != 0;
}

}  // namespace fl::lab
