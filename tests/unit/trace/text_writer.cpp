#include "trace/text_writer.hpp"

#include "event_support.hpp"

#include "trace/text_cell.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>

using namespace fl;
using namespace fl::trace;

namespace {

Instruction store() { return {1, "main+0x1f", "guest-programs/hello.c:12", "mov byte ptr [rdi], 1"}; }

std::vector<std::string> written(const TerminalTraits& terminal, const std::vector<mm::FaultEvent>& events,
                                 const Instruction& instruction = store()) {
    test::CapturedOutput captured;
    TextWriter writer(captured.output(), terminal);
    for (const mm::FaultEvent& event : events) writer.write({event, instruction});
    writer.finish();
    return captured.lines();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string without_colours(const std::string& line) {
    std::string plain;
    for (std::size_t index = 0; index < line.size(); ++index) {
        if (line[index] == '\x1b') {
            index = line.find('m', index);
        } else {
            plain += line[index];
        }
    }
    return plain;
}

}  // namespace

TEST_CASE("where another task faults a line says which") {
    std::vector<mm::FaultEvent> events(4, test::heap_write());
    events[1].origin.tid = 5;
    events[2].origin.tid = 5;
    const std::vector<std::string> lines = written({}, events);
    REQUIRE(lines.size() > 7);
    CHECK(lines[2] == "  [pid     5]");
    CHECK(contains(lines[3], "demand_zero"));
    CHECK(contains(lines[4], "demand_zero"));
    CHECK(lines[5] == fmt::format("  [pid {:>5}]", events[0].origin.tid));
    CHECK(contains(lines[6], "demand_zero"));
}

TEST_CASE("a header, one line per fault, and what the kinds mean") {
    const std::vector<std::string> lines = written({}, {test::heap_write(), test::wild_read()});
    REQUIRE(lines.size() == 9);
    CHECK(contains(lines[0], "kind"));
    for (const char* part :
         {"7 ", "12.345", "demand_zero", "w user", "0x4c9008", "-WU--", "4c9000-4cb000", "rw-p", "[heap]", "2a1",
          "80000000002a1067", "PWUAD-", "+2", "main+0x1f", "hello.c:12", "mov byte ptr [rdi], 1"}) {
        CAPTURE(part);
        CHECK(contains(lines[1], part));
    }
    for (const char* part : {"segv_maperr", "r kern", " 0x10 ", "no mapping", "exec"}) {
        CAPTURE(part);
        CHECK(contains(lines[2], part));
    }
    CHECK(lines[3].empty());
    CHECK(lines[4] == "2 page faults: 1 minor, 0 major, 1 that could not be satisfied");
    CHECK(contains(lines[5], "1  demand_zero   first write"));
    CHECK(contains(lines[6], "1  segv_maperr   no mapping"));
}

TEST_CASE("columns stand below their titles") {
    const std::vector<std::string> lines = written({}, {test::heap_write()});
    CHECK(lines[0].find("kind") == lines[1].find("demand_zero"));
    CHECK(lines[0].find("mapping") == lines[1].find("4c9000-4cb000"));
    CHECK(lines[0].find("by") == lines[1].find("main+0x1f"));
    CHECK(lines[0].find("instruction") == lines[1].find("mov byte"));
    CHECK(lines[0].find("address") + 7 == lines[1].find("0x4c9008") + 8);
}

TEST_CASE("without a fault nothing is written") { CHECK(written({true, 160}, {}).empty()); }

TEST_CASE("colours are there when wanted and change nothing else") {
    const std::vector<mm::FaultEvent> events = {test::heap_write(), test::wild_read()};
    const std::vector<std::string> plain = written({false, 200}, events);
    const std::vector<std::string> coloured = written({true, 200}, events);
    REQUIRE(plain.size() == coloured.size());
    CHECK(contains(coloured[1], "\x1b[32mdemand_zero"));
    CHECK(contains(coloured[2], "\x1b[1;31msegv_maperr"));
    for (std::size_t index = 0; index < plain.size(); ++index) {
        CHECK(!contains(plain[index], "\x1b"));
        std::string stripped = without_colours(coloured[index]);
        stripped.erase(stripped.find_last_not_of(' ') + 1);
        CHECK(stripped == plain[index]);
    }
}

TEST_CASE("no fault's line is wider than the terminal, and what matters most stays") {
    mm::FaultEvent event = test::heap_write();
    event.vma->name = "/a/very/long/path/to/a-program-with-a-very-long-name";
    const Instruction instruction{1, std::string(80, 's') + "+0x1f", std::string(80, 'f') + ".c:12",
                                  "vmovdqu ymmword ptr [rdi + rax*8 + 0x12345678], ymm0"};
    for (unsigned width = 60; width < 300; ++width) {
        CAPTURE(width);
        const std::vector<std::string> lines = written({true, width}, {event}, instruction);
        for (std::size_t index = 0; index < 2; ++index) CHECK(display_width(without_colours(lines[index])) <= width);
        CHECK(contains(lines[1], "demand_zero"));
        CHECK(contains(lines[1], "0x4c9008"));
        if (width >= 120) CHECK(contains(lines[1], "+0x1f"));
        if (width >= 160) CHECK(contains(lines[1], ".c:12"));
    }
}

TEST_CASE("text from the program's file cannot command the terminal") {
    mm::FaultEvent event = test::heap_write();
    event.vma->name = "\x1b[2J\nevil";
    const std::string evil = "f\x1b]0;x\a\n";
    const std::vector<std::string> lines = written({}, {event}, {1, evil, evil, evil});
    CHECK(lines.size() == 7);
    for (const std::string& line : lines) {
        CHECK(std::none_of(line.begin(), line.end(), [](char byte) { return byte == '\x1b' || byte == '\a'; }));
    }
}

TEST_CASE("each kind of fault has a name in the lines and a meaning in the legend") {
    std::vector<mm::FaultEvent> events;
    for (std::size_t kind = 0; kind < mm::fault_kind_count; ++kind) {
        mm::FaultEvent event = test::heap_write();
        event.kind = static_cast<mm::FaultKind>(kind);
        events.push_back(event);
    }
    const std::vector<std::string> lines = written({}, events);
    REQUIRE(lines.size() == 1 + mm::fault_kind_count + 2 + mm::fault_kind_count + 2);
    for (std::size_t kind = 0; kind < mm::fault_kind_count; ++kind) {
        const std::string name = mm::fault_kind_name(static_cast<mm::FaultKind>(kind));
        CHECK(contains(lines[1 + kind], name));
        const std::string& legend = lines[1 + mm::fault_kind_count + 2 + kind];
        CHECK(contains(legend, name));
        CHECK(legend.size() > 40);
    }
}

TEST_CASE("page-table entries are taken apart") {
    mm::FaultEvent event = test::heap_write();
    event.pte_before = emu::Pte::present(Pfn(1), {false, true, false}).with_accessed();
    event.pte_after = event.pte_before.with_prot_none();
    CHECK(contains(written({}, {event})[1], "P-UA--"));
    CHECK(contains(written({}, {event})[1], "N-UA--"));
    event.pte_after = emu::Pte::swapped(emu::SwapSlot(5));
    CHECK(contains(written({}, {event})[1], "swap"));
    event.pte_after = emu::Pte::present(Pfn(1), {false, true, true});
    CHECK(contains(written({}, {event})[1], "P-U--X"));
}
