// Traces as files: which format they have, packed ones, and those that cannot be read to their end.
#include "lab/load_recording.hpp"
#include "lab/packed_sink.hpp"
#include "lab/page_names.hpp"
#include "trace_support.hpp"

#include <zstd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

namespace fl::lab {

namespace {

std::string packed(const std::string& plain) {
    std::string bytes;
    PackedSink sink([&](std::string_view part) -> std::optional<int> {
        bytes += part;
        return std::nullopt;
    });
    CHECK_FALSE(sink.put(plain));
    CHECK_FALSE(sink.finish());
    return bytes;
}

std::optional<TraceFormat> format_of(const std::string& bytes, const std::string& name = "t") {
    return read_trace(bytes, std::nullopt, name).format;
}

}  // namespace

TEST_CASE("trace: content says the format first, then the name") {
    const std::string refs = written_as(TraceFormat::refs, tell_everything);
    CHECK(format_of(refs) == TraceFormat::refs);
    CHECK(format_of(refs, "x.u64") == TraceFormat::refs);
    CHECK(format_of("I  1000,4\n") == TraceFormat::lackey);
    CHECK(format_of("==1== Lackey\n==1==\n\n S 1000,4\n", "x.txt") == TraceFormat::lackey);
    CHECK(format_of("1 2 3") == TraceFormat::text);
    CHECK(format_of("12345678", "x.u64") == TraceFormat::u64);
    CHECK(format_of("12345678", "x.u64.zst") == TraceFormat::u64);
    CHECK(format_of(std::string(24, '\1'), "x.oracleGeneral") == TraceFormat::oracle_general);
    CHECK(format_of(std::string(24, '\1'), "x.oracleGeneral.bin") == TraceFormat::oracle_general);
    CHECK(format_of("12345678", "u64") == TraceFormat::text);
    CHECK(read_trace("1 2", std::nullopt, "x.refs").damage == "x.refs: too short to be a recording");
    CHECK(read_trace("1 2 3 4 1 2 5 1 2", std::nullopt, "x.refs").damage == "x.refs: not a recording");
    CHECK(read_trace(std::string(24, '\0'), std::nullopt).damage ==
          "t: is neither a recording nor text; u64 and oracle-general are to be named as its format");
    for (const TraceFormat format :
         {TraceFormat::refs, TraceFormat::text, TraceFormat::u64, TraceFormat::lackey, TraceFormat::oracle_general}) {
        CHECK(trace_format_by_name(trace_format_name(format)) == format);
        CHECK(read_trace("", format).damage == "t: is empty");
    }
    CHECK_FALSE(trace_format_by_name("pcap"));
    CHECK_FALSE(trace_format_by_name(""));
}

TEST_CASE("trace: what zstd packed is read as if it were not") {
    std::mt19937_64 random(1);
    std::string text;
    for (unsigned i = 0; i < 100'000; ++i) text += fmt::format("{} ", random() % 10'000);
    const Outcome plain = read_trace(text, TraceFormat::text);
    const std::string bytes = packed(text);
    CHECK(bytes.size() < text.size());
    CHECK(read_trace(bytes, std::nullopt).events == plain.events);
    // Several frames, one behind the other.
    CHECK(read_trace(packed(text.substr(0, 1000)) + packed(text.substr(1000)), std::nullopt).events == plain.events);

    const Outcome cut = read_trace(bytes.substr(0, bytes.size() / 2), std::nullopt);
    CHECK(cut.damage == fmt::format("t: what zstd packed is cut off at byte {}", bytes.size() / 2));
    CHECK(cut.touches > 1000);
    CHECK(plain.events.starts_with(cut.events.substr(0, cut.events.rfind("page"))));
    CHECK(read_trace(bytes.substr(0, 6), std::nullopt).damage == "t: what zstd packed is cut off at byte 6");

    std::string changed = bytes;
    changed[bytes.size() / 2] = static_cast<char>(changed[bytes.size() / 2] ^ 0x10);
    CHECK(read_trace(changed, std::nullopt).damage.starts_with("t: what zstd packed is damaged before byte "));
    CHECK(read_trace(bytes + "more", std::nullopt).damage.starts_with("t: what zstd packed is damaged before byte "));
    CHECK(read_trace(packed(""), std::nullopt).damage == "t: is empty");
}

TEST_CASE("trace: a file that cannot be read to its end") {
    const Outcome outcome = read_trace("1 2 3", std::nullopt, "t", EIO);
    CHECK(outcome.damage == "t: cannot be read: Input/output error");
    CHECK(outcome.touches == 3);
    CHECK(read_trace("", std::nullopt, "t", EISDIR).damage == "t: cannot be read: Is a directory");
    CHECK(read_trace("12345678", TraceFormat::u64, "t", EIO).damage == "t: cannot be read: Input/output error");
}

TEST_CASE("trace: a packed sink that fails") {
    PackedSink sink([](std::string_view) -> std::optional<int> { return ENOSPC; });
    CHECK_FALSE(sink.put("x"));
    CHECK(sink.finish() == ENOSPC);
}

TEST_CASE("load_recording: files") {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / fmt::format("faultline-trace-{}", ::getpid());
    std::filesystem::create_directory(folder);
    const auto file = [&](const std::string& name, const std::string& bytes) {
        const std::string path = (folder / name).string();
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    };
    const auto whole = load_recording(file("a", "1 2w 1"), std::nullopt);
    REQUIRE(whole);
    CHECK(whole->damage == "");
    CHECK(whole->recording.string.size() == 3);
    CHECK(whole->recording.page_count == 2);
    CHECK(whole->recording.writes == 1);
    CHECK(whole->recording.origins[1].page_number == 2);

    const std::string path = file("b", "1 2 x");
    const auto damaged = load_recording(path, std::nullopt);
    REQUIRE(damaged);
    CHECK(damaged->damage == path + ": line 1: 'x' is neither a page number nor an event");
    CHECK(damaged->recording.references() == 2);

    // Nothing of it is of use.
    const std::string useless = file("c", "x 1 2");
    CHECK(load_recording(useless, std::nullopt).error() ==
          useless + ": line 1: 'x' is neither a page number nor an event");
    CHECK(load_recording(folder.string(), std::nullopt).error() ==
          folder.string() + ": cannot be read: Is a directory");
    CHECK(load_recording(path + "x", std::nullopt).error() == path + "x: No such file or directory");
    std::filesystem::remove_all(folder);
}

TEST_CASE("PageNames: as a map has it") {
    std::mt19937_64 random(3);
    PageNames names;
    std::map<std::uint64_t, PageId> expected;
    CHECK(names.find(0) == replacement::no_page);
    for (unsigned step = 0; step < 200'000; ++step) {
        // Neighbours, and numbers that differ in their high bits alone.
        const std::uint64_t number = random() % 300 << (step % 2 == 0 ? 0U : 40U);
        const auto known = expected.find(number);
        REQUIRE(names.find(number) == (known == expected.end() ? replacement::no_page : known->second));
        if (known == expected.end()) {
            names.add(number, step);
            expected[number] = step;
        } else if (random() % 2 == 0) {
            names.remove(number);
            expected.erase(known);
        }
    }
    for (const auto& [number, page] : expected) CHECK(names.find(number) == page);
}

}  // namespace fl::lab
