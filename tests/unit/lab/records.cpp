// Traces of records: page numbers of 64 bits, and libCacheSim's oracleGeneral, read and written.
#include "trace_support.hpp"

#include <map>
#include <random>
#include <vector>

namespace fl::lab {

namespace {

template <class Integer>
std::string bytes_of(Integer value) {
    std::string bytes;
    for (unsigned shift = 0; shift < 8 * sizeof value; shift += 8) {
        bytes += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xffU);
    }
    return bytes;
}

std::string request(std::uint64_t object, std::int64_t next, std::uint32_t size = 4096, std::uint32_t time = 0) {
    return bytes_of(time) + bytes_of(object) + bytes_of(size) + bytes_of(next);
}

}  // namespace

TEST_CASE("u64: eight bytes a page number, the lowest first") {
    const std::string bytes = bytes_of(std::uint64_t{0x0102'0304'0506'0708}) + bytes_of(~std::uint64_t{0}) +
                              bytes_of(~std::uint64_t{0}) + bytes_of(std::uint64_t{0x0102'0304'0506'0708});
    CHECK(bytes.front() == 8);
    const Outcome outcome = read_trace(bytes, TraceFormat::u64);
    CHECK(outcome.damage == "");
    CHECK(outcome.touches == 4);
    CHECK(outcome.events ==
          "page 0 of 0 at 72623859790382856 in ''\ntouch 0 1 x1\npage 1 of 0 at 18446744073709551615 in ''\n"
          "touch 1 1 x2\ntouch 0 1 x1\n");
    CHECK(converted(bytes, TraceFormat::u64, TraceFormat::u64) == bytes);
}

TEST_CASE("u64: cut off within a number") {
    const std::string bytes = bytes_of(std::uint64_t{1}) + bytes_of(std::uint64_t{2});
    for (std::size_t size = 1; size < bytes.size(); ++size) {
        CAPTURE(size);
        const Outcome outcome = read_trace(bytes.substr(0, size), TraceFormat::u64);
        CHECK(outcome.touches == size / 8);
        CHECK(outcome.damage ==
              (size % 8 == 0
                   ? ""
                   : fmt::format("t: cut off at byte {}: a record has 8 bytes, the last one {}", size, size % 8)));
    }
}

TEST_CASE("oracle-general: objects are pages, and records of size 0 are none") {
    const std::string bytes =
        request(70, 3, 123, 9) + request(5, -1) + request(6, 4, 0) + request(70, 0x7fff'ffff'ffff'ffff);
    const Outcome outcome = read_trace(bytes, TraceFormat::oracle_general);
    CHECK(outcome.damage == "");
    CHECK(outcome.events ==
          "page 0 of 0 at 70 in ''\ntouch 0 1 x1\npage 1 of 0 at 5 in ''\ntouch 1 1 x1\ntouch 0 1 x1\n");
    CHECK(read_trace(bytes.substr(0, 25), TraceFormat::oracle_general).damage ==
          "t: cut off at byte 25: a record has 24 bytes, the last one 1");
}

TEST_CASE("oracle-general: the next request of an object is counted from 1, and -1 is none") {
    const std::string bytes = converted("10 20*3 10w 30 20", TraceFormat::text, TraceFormat::oracle_general);
    CHECK(bytes == request(10, 5) + request(20, 3) + request(20, 4) + request(20, 7) + request(10, -1) +
                       request(30, -1) + request(20, -1));
    CHECK(converted(bytes, TraceFormat::oracle_general, TraceFormat::oracle_general) == bytes);
}

TEST_CASE("oracle-general: next requests at random are those that a look ahead finds") {
    std::mt19937_64 random(7);
    std::string text;
    std::vector<std::uint64_t> numbers;
    for (unsigned i = 0; i < 2000; ++i) {
        const std::uint64_t number = random() % 50, count = 1 + random() % 3;
        text += fmt::format("{}{}*{} ", number, "rwi"[random() % 3], count);
        numbers.insert(numbers.end(), count, number);
    }
    std::string expected;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto next = std::find(numbers.begin() + static_cast<std::ptrdiff_t>(i) + 1, numbers.end(), numbers[i]);
        expected += request(numbers[i], next == numbers.end() ? -1 : next - numbers.begin() + 1);
    }
    CHECK(converted(text, TraceFormat::text, TraceFormat::oracle_general) == expected);
}

TEST_CASE("records: pages that share a number are told apart, and events are left out") {
    const std::string text =
        "page %0 1 0x400 \"\" page %1 2 0x400 \"\" %0 %1w needed %1 gone %0 page %0 1 0x500 \"\" %0 exit 1";
    const auto numbers = bytes_of(std::uint64_t{0}) + bytes_of(std::uint64_t{1}) + bytes_of(std::uint64_t{2});
    CHECK(converted(text, TraceFormat::text, TraceFormat::u64) == numbers);
    const std::string one_each = "page %0 1 0x400 \"\" page %1 2 0x401 \"\" %0 %1w";
    CHECK(converted(one_each, TraceFormat::text, TraceFormat::u64) ==
          bytes_of(std::uint64_t{0x400}) + bytes_of(std::uint64_t{0x401}));
}

TEST_CASE("records: a write that fails is told, and ends the writing") {
    for (const TraceFormat format :
         {TraceFormat::text, TraceFormat::u64, TraceFormat::oracle_general, TraceFormat::refs}) {
        int calls = 0;
        const auto writer = TraceWriter::create(format, [&](std::string_view) -> std::optional<int> {
            ++calls;
            return 28;
        });
        writer->visitor().on_page(0, {});
        for (unsigned i = 0; i < 3; ++i) writer->visitor().on_touch(0, Touch::read, 100'000);
        writer->finish();
        CHECK(writer->error() == 28);
        CHECK(calls == 1);
    }
    CHECK(TraceWriter::create(TraceFormat::lackey, {}) == nullptr);
}

}  // namespace fl::lab
