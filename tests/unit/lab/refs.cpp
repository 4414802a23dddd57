// Recordings as bytes: what is written is read again, and what is damaged is noticed where it is damaged.
#include "lab/refs_reader.hpp"
#include "lab/refs_writer.hpp"
#include "transcript_support.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <zstd.h>

#include <cerrno>
#include <random>
#include <sstream>
#include <string>

namespace fl::lab {

namespace {

std::string written(const std::function<void(RefsWriter&)>& tell) {
    std::string bytes;
    RefsWriter writer([&](std::string_view part) -> std::optional<int> {
        bytes += part;
        return std::nullopt;
    });
    tell(writer);
    CHECK(writer.written_bytes() == bytes.size());
    return bytes;
}

std::string whole() {
    return written([](RefsWriter& writer) {
        tell_everything(writer);
        writer.finish();
    });
}

struct Outcome {
    RefsReader::State state = RefsReader::State::damaged;
    std::string text, damage;
    std::uint64_t touches = 0;
};
Outcome read(const std::string& bytes) {
    std::istringstream in(bytes);
    auto reader = RefsReader::open(in);
    if (!reader) return {.state = RefsReader::State::damaged, .text = {}, .damage = reader.error()};
    Transcript transcript;
    const RefsReader::State state = reader->read_all(transcript);
    return {state, transcript.text, reader->damage(), reader->touches()};
}

// A recording of one block with these records.
std::string recording_of(const std::string& plain) {
    std::string packed(ZSTD_compressBound(plain.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 1));
    const auto u32 = [](std::size_t value) {
        std::string bytes;
        for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xffU);
        return bytes;
    };
    return std::string(refs::magic) + u32(refs::version) + u32(0) + "FBLK" + u32(packed.size()) + u32(plain.size()) +
           packed;
}

std::string event(refs::Event kind, const std::string& rest) {
    return std::string(1, static_cast<char>(3U | static_cast<unsigned>(kind) << 2U)) + rest;
}

}  // namespace

TEST_CASE("refs: what is written is read again") {
    Transcript expected;
    tell_everything(expected);
    const Outcome outcome = read(whole());
    CHECK(outcome.damage.empty());
    CHECK(outcome.state == RefsReader::State::complete);
    CHECK(outcome.text == expected.text);
}

TEST_CASE("refs: recordings of many blocks") {
    std::mt19937_64 random(1);
    Transcript expected;
    const auto tell = [&](RecordingVisitor& to, std::uint64_t seed) {
        random.seed(seed);
        for (PageId page = 0; page < 5000; ++page) to.on_page(page, {.process = 1, .page_number = page, .file = {}});
        for (unsigned i = 0; i < 1'500'000; ++i) {
            to.on_touch(static_cast<PageId>(random() % 5000), static_cast<Touch>(random() % 3), 1 + random() % 6);
        }
    };
    tell(expected, 5);
    const std::string bytes = written([&](RefsWriter& writer) {
        tell(writer, 5);
        writer.finish();
    });
    const Outcome outcome = read(bytes);
    CHECK(outcome.state == RefsReader::State::complete);
    CHECK(outcome.text == expected.text);
}

TEST_CASE("refs: a recording that is cut off anywhere gives what came before, and says so") {
    const std::string bytes = whole();
    const std::string all = read(bytes).text;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        const Outcome outcome = read(bytes.substr(0, size));
        CHECK(outcome.state == RefsReader::State::damaged);
        CHECK(outcome.damage ==
              (size < refs::header_bytes ? "too short to be a recording" : fmt::format("cut off at byte {}", size)));
        CHECK(all.starts_with(outcome.text));
    }
    // Two blocks: the first is there.
    const std::string two = written([&](RefsWriter& writer) {
        writer.on_page(0, {});
        for (unsigned i = 0; i < 1'200'000; ++i) writer.on_touch(0, static_cast<Touch>(i % 3), 1);
    });
    CHECK(read(two).damage == fmt::format("cut off at byte {}", two.size()));
    CHECK(read(two).touches > 1'000'000);
}

TEST_CASE("refs: a byte that changed is noticed") {
    const std::string bytes = whole();
    const std::string all = read(bytes).text;
    unsigned unused = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        CAPTURE(i);
        const bool reserved = i >= 12 && i < 16;
        for (const int flip : {1, 0x80}) {
            std::string changed = bytes;
            changed[i] = static_cast<char>(changed[i] ^ flip);
            const Outcome outcome = read(changed);
            // Some bits mean nothing: four bytes of the head, and a few of what zstd writes.
            if (outcome.state == RefsReader::State::complete) {
                CHECK(outcome.text == all);
                if (!reserved) ++unused;
            } else {
                CHECK_FALSE(outcome.damage.empty());
                CHECK(outcome.damage.find('\n') == std::string::npos);
            }
        }
    }
    CHECK(unused < 10);
    CHECK(read(bytes + "x").damage.find("more follows") != std::string::npos);
}

TEST_CASE("refs: records that no recorder writes are refused, whatever their checksum") {
    using refs::Event;
    const std::string page0 = event(Event::page, std::string(4, '\0'));
    const std::string end = event(Event::end, std::string("\1\1", 2));
    const auto touch = [](unsigned place, unsigned count) {
        return std::string(1, static_cast<char>(place << 4U | count << 2U));
    };
    CHECK(read(recording_of(page0 + touch(15, 0) + std::string(1, '\0') + end)).state == RefsReader::State::complete);
    const std::vector<std::string> hostile = {
        touch(0, 0),                                                       // the latest of none
        touch(15, 0) + std::string(1, '\0'),                               // a page that was never there
        page0 + touch(15, 0),                                              // ends within a record
        page0 + page0,                                                     // there already
        event(Event::page, std::string("\1\0\0\0", 4)),                    // a number was left out
        event(Event::gone, std::string(1, '\0')),                          // gone before it came
        event(Event::page, std::string("\0\xff\xff\xff\xff\x1f\0\0", 8)),  // the process has more than 32 bits
        event(Event::about,
              "\x05"
              "abc"),  // the text is longer than the block
        event(Event::about, std::string("\x81\x20", 2) + std::string(4097, 'x') + std::string(1, '\0')),  // too long
        event(Event::process, std::string(11, '\xff')),  // a number without an end
        event(static_cast<Event>(60), ""),               // no such event
        page0 + touch(15, 0) + std::string(1, '\0') + event(Event::end, std::string("\2\1", 2)),  // wrong sums
        page0 + touch(15, 0) + std::string(1, '\0') + end + page0,                                // more behind the end
        page0 + touch(15, 3) + std::string(1, '\0') + std::string(9, '\xff') + "\1" + touch(0, 3) +
            std::string(9, '\xff') + "\1",  // more references than can be counted
    };
    for (std::size_t i = 0; i < hostile.size(); ++i) {
        CAPTURE(i);
        const Outcome outcome = read(recording_of(hostile[i]));
        CHECK(outcome.state == RefsReader::State::damaged);
        CHECK(outcome.damage == "damaged: the block at byte 16 has a record that means nothing");
    }
}

TEST_CASE("refs: a version that is not known, and other files") {
    std::string bytes = whole();
    bytes[8] = 2;
    CHECK(read(bytes).damage == "a recording of version 2, and only version 1 is known");
    CHECK(read("1 2 3 4 1 2 5 1 2 3 4 5").damage == "not a recording");
}

TEST_CASE("refs: a write that fails is told once, and ends the writing") {
    int calls = 0;
    RefsWriter writer(
        [&](std::string_view) -> std::optional<int> { return ++calls == 2 ? std::optional(ENOSPC) : std::nullopt; });
    writer.on_page(0, {});
    writer.finish();
    CHECK(writer.error() == ENOSPC);
    CHECK(calls == 2);
}

}  // namespace fl::lab
