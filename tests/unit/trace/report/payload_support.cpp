#include "payload_support.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

namespace fl::trace::test {

namespace {

std::string bytes_of_base64(std::string_view text) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned bit_count = 0;
    for (const char digit : text.substr(0, text.find('='))) {
        const std::size_t value = digits.find(digit);
        REQUIRE(value != std::string_view::npos);
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes += static_cast<char>(bits >> bit_count & 0xffU);
        }
    }
    return bytes;
}

std::string inflated(const std::string& packed) {
    z_stream stream{};
    REQUIRE(::inflateInit(&stream) == Z_OK);
    std::vector<Bytef> input(packed.begin(), packed.end());
    stream.next_in = input.data();
    stream.avail_in = static_cast<uInt>(input.size());
    std::string bytes;
    std::vector<Bytef> room(65536);
    int state = Z_OK;
    while (state == Z_OK) {
        stream.next_out = room.data();
        stream.avail_out = static_cast<uInt>(room.size());
        state = ::inflate(&stream, Z_NO_FLUSH);
        bytes.append(room.begin(), room.end() - stream.avail_out);
    }
    CHECK(state == Z_STREAM_END);
    CHECK(stream.avail_in == 0);
    ::inflateEnd(&stream);
    return bytes;
}

}  // namespace

std::string_view payload_of(std::string_view page) {
    constexpr std::string_view before = R"(<script type="application/octet-stream" id="payload">)";
    const std::size_t start = page.find(before);
    REQUIRE(start != std::string_view::npos);
    const std::string_view rest = page.substr(start + before.size());
    return rest.substr(0, rest.find("</script>"));
}

ReadPayload::ReadPayload(std::string_view text) {
    const std::string bytes = inflated(bytes_of_base64(text));
    REQUIRE(bytes.size() >= 4);
    std::size_t length = 0;
    for (unsigned i = 0; i < 4; ++i) length |= std::size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    REQUIRE(bytes.size() >= 4 + length);
    head_ = nlohmann::json::parse(bytes.substr(4, length));
    columns_ = bytes.substr(4 + length);
}

std::vector<std::uint64_t> ReadPayload::column(const std::string& table, const std::string& name) const {
    const nlohmann::json& entry = head_["tables"][table]["columns"][name];
    const bool is_delta = entry[0] == "delta";
    std::size_t at = entry[1];
    std::vector<std::uint64_t> values;
    std::uint64_t last = 0;
    for (std::uint64_t row = 0; row < row_count(table); ++row) {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto byte = static_cast<unsigned char>(columns_.at(at++));
            value |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) break;
        }
        if (is_delta) value = last += (value & 1U) == 0 ? value / 2 : ~(value / 2);
        values.push_back(value);
        CHECK(value <= entry[3].get<std::uint64_t>());
    }
    CHECK(at == entry[1].get<std::size_t>() + entry[2].get<std::size_t>());
    return values;
}

std::vector<std::string> ReadPayload::texts(const std::string& table, const std::string& name) const {
    std::vector<std::string> texts;
    for (const std::uint64_t index : column(table, name)) texts.push_back(head_["strings"].at(index));
    return texts;
}

}  // namespace fl::trace::test
