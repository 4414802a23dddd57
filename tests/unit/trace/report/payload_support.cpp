#include "payload_support.hpp"

#include "trace/report/history.hpp"

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

std::vector<std::uint64_t> ReadPayload::codes(const std::string& table, const std::string& name) const {
    const nlohmann::json& entry = head_["tables"][table]["columns"][name];
    const std::size_t offset = entry[1], planes = entry[2], rows = row_count(table);
    std::vector<std::uint64_t> values(rows);
    for (std::size_t plane = 0; plane < planes; ++plane) {
        for (std::size_t row = 0; row < rows; ++row) {
            const auto byte = static_cast<unsigned char>(columns_.at(offset + plane * rows + row));
            values[row] |= std::uint64_t{byte} << (8 * plane);
        }
    }
    return values;
}

// Of predicted and delta columns: how far they are off, modulo 2^64.
std::vector<std::uint64_t> ReadPayload::differences(const std::string& table, const std::string& name) const {
    std::vector<std::uint64_t> values = codes(table, name);
    for (std::uint64_t& value : values) value = (value & 1U) == 0 ? value / 2 : ~(value / 2);
    return values;
}

std::vector<std::uint64_t> ReadPayload::column(const std::string& table, const std::string& name) const {
    const nlohmann::json& entry = head_["tables"][table]["columns"][name];
    std::vector<std::uint64_t> values;
    if (entry[0] == "plain") {
        values = codes(table, name);
    } else if (entry[0] == "delta") {
        std::uint64_t last = 0;
        for (const std::uint64_t difference : differences(table, name)) values.push_back(last += difference);
    } else {
        if (predicted_.empty()) decode_predicted();
        values = predicted_.at(table + "." + name);
    }
    for (const std::uint64_t value : values) CHECK(value <= entry[3].get<std::uint64_t>());
    return values;
}

// In the order of trace/report/event_columns.cpp.
void ReadPayload::decode_predicted() const {
    for (const char* table : {"faults", "reclaim"}) {
        for (const auto& [name, entry] : head_["tables"][table]["columns"].items()) {
            const std::string key = std::string(table) + "." + name;
            predicted_[key] = entry[0] == "predicted" ? differences(table, name) : column(table, name);
        }
    }
    const auto pids = column("tasks", "pid"), vma_page = column("vmas", "page"), vma_pgoff = column("vmas", "pgoff");
    report::History history;
    std::uint64_t last_time = 0, last_file_page = 0;
    std::size_t at = 0;
    const auto cell = [&](const char* name, std::size_t row) -> std::uint64_t& { return predicted_.at(name).at(row); };
    const auto read_reclaim = [&](report::ReclaimRow row, std::uint64_t time) {
        row.frame = cell("reclaim.frame", at);
        row.file = static_cast<std::uint32_t>(cell("reclaim.file", at));
        row.time_ns = cell("reclaim.time", at) += time;
        const auto guess = history.guess_reclaim(row);
        row.pid = static_cast<std::uint32_t>(cell("reclaim.pid", at) += guess.pid);
        row.page = cell("reclaim.page", at) += guess.page;
        if (row.file != 0) {
            const bool is_mapped = guess.vma != 0 && row.page > vma_page[guess.vma];
            cell("reclaim.file_page", at) +=
                is_mapped ? vma_pgoff[guess.vma] + row.page - 1 - vma_page[guess.vma] : last_file_page + 1;
            last_file_page = cell("reclaim.file_page", at);
        }
        row.age_ns = cell("reclaim.age", at) += guess.age;
        row.slot = cell("reclaim.slot", at) += guess.slot;
        history.note_reclaim(row);
    };
    const auto read_reclaims_before = [&](std::uint64_t number, std::uint64_t time) {
        for (; at < row_count("reclaim"); ++at) {
            report::ReclaimRow row;
            row.fault = cell("reclaim.fault", at);
            row.flags = static_cast<std::uint8_t>(cell("reclaim.flags", at));
            if (!row.belongs_before(number)) return;
            read_reclaim(row, row.fault == number ? time : last_time);
        }
    };
    for (std::size_t i = 0; i < row_count("faults"); ++i) {
        report::FaultRow row;
        row.time_ns = cell("faults.time", i);
        read_reclaims_before(cell("faults.sequence", i), row.time_ns);
        row.page = cell("faults.page", i);
        row.vma = static_cast<std::uint32_t>(cell("faults.vma", i));
        row.before_bits = static_cast<std::uint32_t>(cell("faults.before_bits", i));
        row.after_bits = static_cast<std::uint32_t>(cell("faults.after_bits", i));
        row.evicted = static_cast<std::uint32_t>(cell("faults.evicted", i));
        const auto pid = static_cast<std::uint32_t>(pids[cell("faults.task", i)]);
        const auto guess = history.guess_fault(row, pid);
        row.walk = static_cast<std::uint32_t>(cell("faults.walk", i) += guess.walk);
        row.before_frame = cell("faults.before", i) += guess.before;
        row.after_frame = cell("faults.after", i) += guess.after;
        row.refault = cell("faults.refault", i) += guess.refault;
        const std::uint64_t slot = cell("faults.slot", i);
        row.slot = slot == 0 ? report::slot_before(row) : slot - 1;
        history.note_fault(row, pid);
        last_time = row.time_ns;
    }
    read_reclaims_before(UINT64_MAX, 0);
}

std::vector<std::string> ReadPayload::texts(const std::string& table, const std::string& name) const {
    std::vector<std::string> texts;
    for (const std::uint64_t index : column(table, name)) texts.push_back(head_["strings"].at(index));
    return texts;
}

}  // namespace fl::trace::test
