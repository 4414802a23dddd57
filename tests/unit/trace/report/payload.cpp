#include "trace/report/payload.hpp"

#include "payload_support.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace fl::trace::report;
using fl::trace::test::ReadPayload;
using Numbers = std::vector<std::uint64_t>;

TEST_CASE("columns come back as they were, in both encodings") {
    const Numbers numbers = {0, 1, 127, 128, 129, 16383, 16384, 5, 5, 5, 4, 1ULL << 32, 3, Column::max_value, 0, 7};
    Payload payload;
    Table& table = payload.add_table("numbers");
    Column& plain = table.add("plain", Encoding::plain);
    Column& delta = table.add("delta", Encoding::delta);
    for (const std::uint64_t number : numbers) {
        plain.append(number);
        delta.append(number);
    }
    const ReadPayload read(payload.pack());
    CHECK(read.row_count("numbers") == numbers.size());
    CHECK(read.column("numbers", "plain") == numbers);
    CHECK(read.column("numbers", "delta") == numbers);
    CHECK(read.head()["tables"]["numbers"]["columns"]["delta"][3] == Column::max_value);
}

TEST_CASE("what was predicted well takes hardly any room") {
    const auto packed_size = [](std::uint64_t off_by) {
        Payload payload;
        Column& column = payload.add_table("t").add("c", Encoding::predicted);
        std::mt19937_64 random(3);
        for (int row = 0; row < 10000; ++row) {
            const std::uint64_t prediction = random() >> 20U;
            column.append(prediction + random() % off_by, prediction);
        }
        return payload.pack().size();
    };
    CHECK(packed_size(1) < 300);
    CHECK(packed_size(1000) > 10000);
}

TEST_CASE("what JavaScript's numbers do not hold is clamped") {
    Payload payload;
    Column& column = payload.add_table("t").add("c", Encoding::delta);
    column.append(UINT64_MAX);
    column.append(Column::max_value + 1);
    column.append(1);
    CHECK(ReadPayload(payload.pack()).column("t", "c") == Numbers{Column::max_value, Column::max_value, 1});
}

TEST_CASE("columns of many tables, empty ones among them") {
    std::mt19937_64 random(1);
    Payload payload;
    std::vector<Numbers> expected;
    for (int i = 0; i < 20; ++i) {
        Table& table = payload.add_table("t" + std::to_string(i));
        Column& column = table.add("c", i % 2 == 0 ? Encoding::plain : Encoding::delta);
        Numbers& numbers = expected.emplace_back();
        for (int row = 0; row < i * i; ++row) {
            numbers.push_back(random() >> (11 + random() % 50));
            column.append(numbers.back());
        }
    }
    const ReadPayload read(payload.pack());
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(read.column("t" + std::to_string(i), "c") == expected[i]);
}

TEST_CASE("equal strings are one; any bytes become text") {
    Payload payload;
    CHECK(payload.string_index("") == 0);
    CHECK(payload.string_index("main") == 1);
    CHECK(payload.string_index("</script><img onerror=x>") == 2);
    CHECK(payload.string_index("main") == 1);
    CHECK(payload.string_index("a\xff\"\\\n") == 3);
    payload.add_text("title", "\xc3\xa9\x01");
    payload.add_json("list", "[1,2]");
    const ReadPayload read(payload.pack());
    CHECK(read.head()["strings"] == nlohmann::json({"", "main", "</script><img onerror=x>", "a\xef\xbf\xbd\"\\\n"}));
    CHECK(read.head()["title"] == "\xc3\xa9\x01");
    CHECK(read.head()["list"] == nlohmann::json({1, 2}));
}

TEST_CASE("base64, with the vectors of RFC 4648") {
    CHECK(base64("").empty());
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foo") == "Zm9v");
    CHECK(base64("foob") == "Zm9vYg==");
    CHECK(base64("fooba") == "Zm9vYmE=");
    CHECK(base64("foobar") == "Zm9vYmFy");
    CHECK(base64("\xff\xfe\xfd") == "//79");
}
