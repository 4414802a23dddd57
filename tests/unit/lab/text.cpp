// Reference strings as text: what is written is read again, and what means nothing is told with its line.
#include "lab/recording.hpp"
#include "trace_support.hpp"

#include <random>
#include <sstream>

namespace fl::lab {

namespace {

Outcome read_text(const std::string& text) { return read_trace(text, TraceFormat::text); }

std::string page_of(PageId page, std::uint64_t number) {
    return fmt::format("page {} of 0 at {} in ''\n", page, number);
}

// The whole of it was read, as these events.
void check_events(const std::string& text, const std::string& events) {
    CAPTURE(text);
    const Outcome outcome = read_text(text);
    CHECK(outcome.damage == "");
    CHECK(outcome.events == events);
}

void check_problem(const std::string& text, const std::string& problem, std::uint64_t touches = 0) {
    CAPTURE(text);
    const Outcome outcome = read_text(text);
    CHECK(outcome.damage == "t: " + problem);
    CHECK(outcome.touches == touches);
}

}  // namespace

TEST_CASE("text: a plain list of page numbers, however it is laid out") {
    std::string expected;
    for (const unsigned number : {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5}) {
        const PageId page = number - 1;
        const std::string first = page_of(page, number);
        if (expected.find(first) == std::string::npos) expected += first;
        expected += fmt::format("touch {} 1 x1\n", page);
    }
    check_events("1 2 3 4 1 2 5 1 2 3 4 5", expected);
    check_events("1\n2\n3\n4\n1\n2\n5\n1\n2\n3\n4\n5\n", expected);
    check_events("# Belady\r\n\t1,2,3,4, 1,2 5#five\n\n1 2 0x3 0X04 5r*1\n# the end", expected);
    CHECK(converted("1 2 3 4 1 2 5 1 2 3 4 5\n", TraceFormat::text, TraceFormat::text) == "1 2 3 4 1 2 5 1 2 3 4 5\n");
}

TEST_CASE("text: kinds of access and counts") {
    check_events("0x7ffi 2047w*3 2047*4 2047r",
                 page_of(0, 0x7ff) + "touch 0 0 x1\ntouch 0 2 x3\ntouch 0 1 x4\ntouch 0 1 x1\n");
    check_events("18446744073709551615", page_of(0, ~std::uint64_t{0}) + "touch 0 1 x1\n");
    check_events("# nothing", "");
}

TEST_CASE("text: a page that is gone is another one when its number comes again") {
    check_events("7 gone 7 7 needed 9 9", page_of(0, 7) + "touch 0 1 x1\ngone 0\n" + page_of(1, 7) + "touch 1 1 x1\n" +
                                              page_of(2, 9) + "needed 2\ntouch 2 1 x1\n");
}

TEST_CASE("text: a recording with everything in it is the same after text, and text after a recording") {
    Transcript expected;
    tell_everything(expected);
    const std::string text = written_as(TraceFormat::text, tell_everything);
    CHECK(read_text(text).damage == "");
    CHECK(read_text(text).events == expected.text);
    const std::string refs = converted(text, TraceFormat::text, TraceFormat::refs);
    CHECK(read_trace(refs, std::nullopt).events == expected.text);
    CHECK(converted(refs, TraceFormat::refs, TraceFormat::text) == text);
}

TEST_CASE("text: names with any bytes in them") {
    std::string name;
    for (int byte = 0; byte < 256; ++byte) name += static_cast<char>(byte);
    const auto tell = [&](RecordingVisitor& to) {
        to.on_about("", name);
        to.on_about(name, std::string(4096, '\xff'));
        to.on_page(0, {.process = 1, .page_number = 1, .file = name});
    };
    Transcript expected;
    tell(expected);
    const std::string text = written_as(TraceFormat::text, tell);
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
    CHECK(read_text(text).events == expected.text);
}

TEST_CASE("text: pages that come, end and share numbers at random are the same after it") {
    const auto tell = [](RecordingVisitor& to, unsigned seed) {
        std::mt19937_64 random(seed);
        std::vector<bool> exists;
        for (unsigned step = 0; step < 300; ++step) {
            const auto page = static_cast<PageId>(random() % (exists.size() + 1));
            if (page == exists.size()) exists.push_back(false);
            if (!exists[page]) {
                // Few numbers, so that several pages have the same.
                to.on_page(
                    page,
                    {.process = static_cast<std::uint32_t>(random() % 2), .page_number = random() % 4, .file = {}});
                exists[page] = true;
            } else if (const auto what = random() % 8; what == 0) {
                to.on_page_gone(page);
                exists[page] = false;
            } else if (what == 1) {
                to.on_page_needed(page);
            } else {
                to.on_touch(page, static_cast<Touch>(what % 3), 1 + random() % 3);
            }
        }
    };
    for (unsigned seed = 0; seed < 100; ++seed) {
        CAPTURE(seed);
        Transcript expected;
        tell(expected, seed);
        const std::string text = written_as(TraceFormat::text, [&](RecordingVisitor& to) { tell(to, seed); });
        CHECK(read_text(text).events == expected.text);
        CHECK(read_text(text).damage == "");
    }
}

TEST_CASE("text: lines are no longer than a terminal") {
    std::string list;
    for (unsigned i = 0; i < 500; ++i) list += fmt::format("{} ", i * 7919);
    const std::string text = converted(list, TraceFormat::text, TraceFormat::text);
    CHECK(read_text(text).events == read_text(list).events);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 100);
}

TEST_CASE("text: what means nothing is told with its line, and what came before is kept") {
    check_problem("1 2\n3 x 4", "line 2: 'x' is neither a page number nor an event", 3);
    check_problem("\n\n12q", "line 3: '12q' is no reference, as 12, 0x7ff, 12w or 12i*3 are");
    for (const char* word : {"12w*", "12*0", "12*x", "12ww", "1.5", "0x", "0xg", "18446744073709551616", "1*-1", "1e3",
                             "1*18446744073709551616", "1*3w", "%", "%x"}) {
        check_problem(word, fmt::format("line 1: '{}' is no reference, as 12, 0x7ff, 12w or 12i*3 are", word));
    }
    check_problem("-1", "line 1: '-1' is neither a page number nor an event");
    check_problem("%0", "line 1: there is no page '%0'");
    check_problem("5 %0", "line 1: there is no page '%0'", 1);
    check_problem("gone 5", "line 1: gone: there is no page 5");
    check_problem("5 gone 5 gone 5", "line 1: gone: there is no page 5", 1);
    check_problem("5 gone x", "line 1: gone needs a page, and 'x' is none", 1);
    check_problem("5\ngone", "line 2: gone needs a page, and the file ends", 1);
    check_problem("page 0 1 2 \"\"", "line 1: page: '0' is not %0, nor one whose page is gone");
    check_problem("page %1 1 2 \"\"", "line 1: page: '%1' is not %0, nor one whose page is gone");
    check_problem("page %0 1 2 \"\" page %0 1 2 \"\"", "line 1: page: '%0' is not %1, nor one whose page is gone");
    check_problem("5 page %0 1 2 \"\"", "line 1: page: '%0' is not %1, nor one whose page is gone", 1);
    check_problem("page %0 4294967296 2 \"\"",
                  "line 1: page needs a process up to 4294967295, and '4294967296' is none");
    check_problem("page %0 1 x \"\"", "line 1: page needs a page number up to 18446744073709551615, and 'x' is none");
    for (const std::string text :
         {"x", "\"", "\"x", "\"a\"b\"", "\"\\\"", "\"\\y\"", "\"\\x1\"", "\"\\xgg\"", "\"x\ny\""}) {
        CAPTURE(text);
        CHECK(read_text(fmt::format("exec 1 {}", text)).damage.find("exec needs a path in double quotes") !=
              std::string::npos);
    }
    CHECK(read_text("exec 1 \"" + std::string(4097, 'x') + "\"").damage.find("of 4096 bytes at most") !=
          std::string::npos);
    for (const char* rights : {"rwx", "rwxps", "wrxp", "rwxq", "RWXP"}) {
        check_problem(fmt::format("map 1 2 3 {} \"\"", rights),
                      fmt::format("line 1: map: '{}' is not of the form rwxp or ---s", rights));
    }
    check_problem("unmap 1\n2\n", "line 1: unmap needs a number of pages, and the file ends");
}

TEST_CASE("text: hostile bytes") {
    check_problem(std::string("1 \0\x1b[2J\xff", 8), "line 1: '??[2J?' is neither a page number nor an event", 1);
    // Without an end, and none of it is kept.
    check_problem("1 " + std::string(1 << 20, '7'),
                  "line 1: the word '7777777777777777777777777777777777777777...' is too long", 1);
    check_problem("1 exec 1 \"" + std::string(1 << 20, '7'),
                  "line 1: the word '\"777777777777777777777777777777777777777...' is too long", 1);
    CHECK(read_text("1 #" + std::string(1 << 20, '7')).touches == 1);
    check_problem("1*281474976710656 2", "line 1: '2': too many references", std::uint64_t{1} << 48U);
    check_problem("1*281474976710657", "line 1: '1*281474976710657': too many references");

    // So many references in so few bytes do not take much when they are kept.
    RecordingBuilder builder;
    auto trace = Trace::over(input_of("1*281474976710656"), "t", TraceFormat::text);
    REQUIRE(trace);
    trace->read_all(builder);
    CHECK(builder.take().string.size() < 200'000);
}

}  // namespace fl::lab
