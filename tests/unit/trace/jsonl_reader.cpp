#include "trace/jsonl_reader.hpp"

#include "event_support.hpp"
#include "trace/jsonl_writer.hpp"
#include "trace/text_writer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

using namespace fl;
using namespace fl::trace;

namespace {

// Hands `text` on in pieces of so many bytes.
JsonlReader::Source source_of(std::string text, std::size_t piece = 4096) {
    return [text = std::move(text), piece, at = std::size_t{0}](char* to, std::size_t size) mutable {
        const std::size_t count = std::min({size, piece, text.size() - at});
        std::memcpy(to, text.data() + at, count);
        at += count;
        return static_cast<std::ptrdiff_t>(count);
    };
}

std::string written() {
    test::CapturedOutput captured;
    JsonlWriter writer(captured.output());
    test::write_all_kinds(writer);
    writer.finish();
    return captured.text();
}

struct ReadBack {
    std::string text;   // as JSON lines again
    std::string error;  // empty: none
};

ReadBack read_back(const std::string& text, std::size_t piece = 4096) {
    test::CapturedOutput captured;
    JsonlWriter writer(captured.output());
    JsonlReader reader(source_of(text, piece), "t.jsonl");
    const auto read = reader.read(writer);
    writer.finish();
    return {captured.text(), read ? "" : read.error()};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

std::size_t line_count(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("a trace that is read and written is the same, byte for byte, however it arrives") {
    const std::string text = written();
    REQUIRE(line_count(text) == 12);
    for (const std::size_t piece : {1UL, 7UL, 4096UL}) {
        const ReadBack back = read_back(text, piece);
        CHECK(back.error == "");
        CHECK(back.text == text);
    }
}

TEST_CASE("text made of a trace is the text that the run would have written") {
    test::CapturedOutput live, later;
    TextWriter live_writer(live.output(), {}), later_writer(later.output(), {});
    test::write_all_kinds(live_writer);
    live_writer.finish();
    JsonlReader reader(source_of(written()), "t.jsonl");
    REQUIRE(reader.read(later_writer).has_value());
    later_writer.finish();
    CHECK(later.text() == live.text());
}

TEST_CASE("a trace that ends in the middle of a line is read up to there") {
    const std::string text = written();
    const std::size_t last_line = text.rfind('\n', text.size() - 2) + 1;
    const ReadBack back = read_back(text.substr(0, text.size() - 20));
    CHECK(back.error == "t.jsonl: line 12: the trace ends in the middle of it");
    CHECK(back.text == text.substr(0, last_line));
    // A last line that only lacks its end is whole.
    const ReadBack whole = read_back(text.substr(0, text.size() - 1));
    CHECK(whole.error == "");
    CHECK(whole.text == text);
}

TEST_CASE("nothing, and empty lines, are no events") {
    CHECK(read_back("").error == "");
    CHECK(read_back("\n \r\n").text == "");
    CHECK(read_back("\n \r\n").error == "");
}

TEST_CASE("what is wrong with a line is said in one line, and what came before it is kept") {
    const std::string text = written();
    const auto error_of = [&](std::string_view from, std::string_view to) {
        return read_back(replaced(text, from, to)).error;
    };
    CHECK(error_of("\"kind\":\"segv_maperr\"", "\"kind\":\"segv\\u001b\"") ==
          "t.jsonl: line 4: 'kind' cannot be 'segv?'");
    CHECK(error_of("\"seq\":8,", "") == "t.jsonl: line 4: 'seq' is missing");
    CHECK(error_of("\"seq\":8,", "\"seq\":-8,") == "t.jsonl: line 4: 'seq' is not a whole number");
    CHECK(error_of("\"pid\":1000", "\"pid\":4294967296") == "t.jsonl: line 4: 'pid' is more than 4294967295");
    CHECK(error_of("\"addr\":\"0x10\"", "\"addr\":\"16\"") ==
          "t.jsonl: line 4: 'addr' is not a hexadecimal number in quotes, as \"0x1f\"");
    CHECK(error_of("\"addr\":\"0x10\"", "\"addr\":\"0x10000000000000000\"").find("'addr' is not") != std::string::npos);
    CHECK(error_of("\"access\":\"r\"", "\"access\":\"rw\"") == "t.jsonl: line 4: 'access' cannot be 'rw'");
    CHECK(error_of("\"start\":\"0x4c9000\"", "\"start\":\"0x4cb000\"") ==
          "t.jsonl: line 2: 'start' and 'end' are no range of whole pages");
    CHECK(error_of("\"prot\":\"rw-p\"", "\"prot\":\"rwzp\"") == "t.jsonl: line 2: 'prot' cannot be 'rwzp'");
    CHECK(error_of("\"index\":201", "\"index\":512") == "t.jsonl: line 5: 'index' is more than 511");
    CHECK(error_of("[1,2,3,", "[2,3,") == "t.jsonl: line 3: 'free_blocks' has not 11 elements");
    CHECK(error_of("\"event\":\"sample\"", "\"event\":\"simple\"") == "t.jsonl: line 3: 'event' cannot be 'simple'");
    CHECK(error_of("{\"event\":\"sample\"", "[") == "t.jsonl: line 3: is no JSON object");
    CHECK(error_of("\"level\":4", "\"level\":5") == "t.jsonl: line 11: 'level' is more than 4");
    CHECK(error_of("\"level\":4", "\"level\":0") == "t.jsonl: line 11: 'level' cannot be 0");
    CHECK(error_of("\"root\":8,", "") == "t.jsonl: line 11: 'root' is missing");
    const ReadBack number = read_back("7\n");
    CHECK(number.error == "t.jsonl: line 1: there is something else where an object has to be");
    const ReadBack kept = read_back(replaced(text, "\"seq\":8,", ""));
    CHECK(kept.text == text.substr(0, text.find("{\"seq\":8,")));
}

TEST_CASE("a line that is nested without end is refused") {
    const ReadBack back = read_back(std::string(1'000'000, '[') + "\n");
    CHECK(back.error == "t.jsonl: line 1: is nested too deeply");
    CHECK(read_back("{\"event\":\"" + std::string(1000, '[') + "\"}\n").error.find("'event' cannot be '[[[[") !=
          std::string::npos);
}

TEST_CASE("an input that fails says why") {
    JsonlReader reader([](char*, std::size_t) { return std::ptrdiff_t{-5}; }, "t.jsonl");
    test::CapturedOutput captured;
    JsonlWriter writer(captured.output());
    CHECK(reader.read(writer).error() == "t.jsonl: cannot be read: Input/output error");
}

TEST_CASE("fields that are not known are passed over") {
    const std::string text = written();
    const ReadBack back = read_back(replaced(text, "{\"seq\":8,", "{\"new\":{\"a\":[1]},\"seq\":8,"));
    CHECK(back.error == "");
    CHECK(back.text == text);
}
