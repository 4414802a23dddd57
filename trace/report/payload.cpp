#include "trace/report/payload.hpp"

#include "mm/print_to.hpp"
#include "trace/json_text.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <new>
#include <utility>
#include <vector>

namespace fl::trace::report {

namespace {

// Feeds pieces to zlib and collects what comes out.
class Deflater {
public:
    Deflater() {
        constexpr int level = 6;
        if (::deflateInit(&stream_, level) != Z_OK) throw std::bad_alloc();
    }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
    ~Deflater() { ::deflateEnd(&stream_); }

    void add(std::string_view piece) { pump(piece, Z_NO_FLUSH); }
    std::string finish() {
        pump({}, Z_FINISH);
        return std::move(packed_);
    }

private:
    void pump(std::string_view piece, int flush) {
        // zlib takes 32-bit counts; pieces are columns of at most some megabytes.
        std::vector<Bytef> input(piece.begin(), piece.end());
        stream_.next_in = input.data();
        stream_.avail_in = static_cast<uInt>(input.size());
        std::array<Bytef, 65536> room{};
        do {
            stream_.next_out = room.data();
            stream_.avail_out = static_cast<uInt>(room.size());
            ::deflate(&stream_, flush);
            packed_.append(room.begin(), room.end() - stream_.avail_out);
        } while (stream_.avail_out == 0);
    }

    z_stream stream_{};
    std::string packed_;
};

std::string little_endian(std::size_t value) {
    std::string bytes;
    for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xffU);
    return bytes;
}

}  // namespace

void Payload::add_json(std::string_view key, std::string_view json) {
    append_json_string(json_, key);
    json_ += ':';
    json_ += json;
    json_ += ',';
}

void Payload::add_text(std::string_view key, std::string_view text) {
    std::string json;
    append_json_string(json, text);
    add_json(key, json);
}

std::uint32_t Payload::string_index(std::string_view text) {
    const auto [found, is_new] = indexes_.try_emplace(std::string(text), static_cast<std::uint32_t>(indexes_.size()));
    if (is_new) {
        strings_ += ',';
        append_json_string(strings_, text);
    }
    return found->second;
}

std::string Payload::head() const {
    std::string head = fmt::format(R"({{{}"strings":[{}],"tables":{{)", json_, strings_);
    std::size_t offset = 0;
    const char* between_tables = "";
    for (const Table& table : tables_) {
        print_to(head, R"({}"{}":{{"rows":{},"columns":{{)", std::exchange(between_tables, ","), table.name(),
                 table.row_count());
        const char* between_columns = "";
        for (const Table::Named& named : table.columns()) {
            const Column& column = named.column;
            print_to(head, R"({}"{}":["{}",{},{},{}])", std::exchange(between_columns, ","), named.name,
                     encoding_name(column.encoding()), offset, column.planes().size(), column.largest());
            offset += column.planes().size() * column.row_count();
        }
        head += "}}";
    }
    return head + "}}";
}

std::string Payload::pack() const {
    const std::string json = head();
    Deflater deflater;
    deflater.add(little_endian(json.size()));
    deflater.add(json);
    for (const Table& table : tables_) {
        for (const Table::Named& named : table.columns()) {
            for (const std::string& plane : named.column.planes()) deflater.add(plane);
        }
    }
    return base64(deflater.finish());
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::string_view group = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            text += i <= group.size() ? digits[bits >> (18 - 6 * i) & 0x3fU] : '=';
        }
    }
    return text;
}

}  // namespace fl::trace::report
