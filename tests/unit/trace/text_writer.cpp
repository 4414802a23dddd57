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

// A fault, and what was done for it.
struct Scene {
    std::vector<mm::WriteBackEvent> write_backs;
    std::vector<mm::EvictionEvent> evictions;
    std::vector<mm::FaultEvent> faults;
};

std::vector<std::string> played(const TerminalTraits& terminal, const Scene& scene) {
    test::CapturedOutput captured;
    TextWriter writer(captured.output(), terminal);
    const Instruction instruction = store();
    writer.write({test::heap_write(), instruction});
    for (const mm::WriteBackEvent& event : scene.write_backs) writer.write_write_back(event);
    for (const mm::EvictionEvent& event : scene.evictions) writer.write_eviction(event);
    for (const mm::FaultEvent& event : scene.faults) writer.write({event, instruction});
    writer.finish();
    return captured.lines();
}

std::string eviction_line(const mm::EvictionEvent& event) {
    const std::vector<std::string> lines = played({}, {{}, {event}, {}});
    REQUIRE(lines.size() > 3);
    return lines[3];
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

TEST_CASE("while nothing leaves memory, nothing is said of it") {
    for (const std::string& line : written({}, {test::heap_write()})) {
        for (const char* word : {"slot", "refault", "looked", "evict"}) CHECK(!contains(line, word));
    }
}

TEST_CASE("a page that leaves has a line above the fault that it left for, and new columns say what came back") {
    const std::vector<std::string> lines = played({}, {{}, {test::stack_eviction()}, {test::heap_refault()}});
    REQUIRE(lines.size() == 14);
    CHECK(!contains(lines[0], "refault"));
    CHECK(contains(lines[2], "refault"));
    CHECK(lines[3] ==
          "          12.000 evict        dirty  0x7fffffffe000 -> slot 17, age 1.234 ms, of pid 2, for fault 7, frame "
          "2a1");
    CHECK(lines[2].find("kind") == lines[3].find("evict"));
    CHECK(lines[2].find("access") == lines[3].find("dirty"));
    const auto ends_at = [&](const char* title, const std::string& value) {
        const std::size_t end = lines[2].find(title) + std::string(title).size();
        return lines[4].substr(end - value.size(), value.size() + 1) == value + " ";
    };
    CHECK(ends_at("slot", "3"));
    CHECK(ends_at("refault", "23"));
    CHECK(ends_at("looked", "5"));
    CHECK(lines[6] == "2 page faults: 1 minor, 1 major");
    CHECK(lines[9] == "      1  evict         pages left memory: 1 dirty, which were written out first, 0 clean");
    CHECK(lines[10] ==
          "      1  refault       faults were on a page that had been evicted, 23.0 evictions before on average");
    CHECK(contains(lines[11], "  slot   "));
}

TEST_CASE("where a page went and why") {
    test::Files files;
    mm::EvictionEvent event = test::stack_eviction();
    event.dirty = false;
    CHECK(contains(eviction_line(event), " clean  0x7fffffffe000 in slot 17, age 1.234 ms,"));
    event.reason = mm::ReclaimReason::shrink;
    CHECK(contains(eviction_line(event), "of pid 2, let go of at fault 7, frame 2a1"));
    event.for_fault = 0;
    CHECK(contains(eviction_line(event), "of pid 2, let go of, frame 2a1"));
    event.reason = mm::ReclaimReason::fault;
    CHECK(contains(eviction_line(event), "of pid 2, for the kernel, frame 2a1"));
    event.reason = mm::ReclaimReason::kswapd;
    CHECK(contains(eviction_line(event), "of pid 2, by kswapd, frame 2a1"));
    event.reason = mm::ReclaimReason::advice;
    CHECK(contains(eviction_line(event), "of pid 2, by MADV_PAGEOUT, frame 2a1"));
    event.slot = std::nullopt;
    event.dropped = true;
    CHECK(contains(eviction_line(event), " drop   0x7fffffffe000 given up, age 1.234 ms,"));
    event.age_ns = 999;
    CHECK(contains(eviction_line(event), ", age 0.999 us,"));
    event.age_ns = 12'345'678'901;
    CHECK(contains(eviction_line(event), ", age 12.345 s,"));
    event.dropped = false;
    event.page = {.id = 4, .address = std::nullopt, .file = files.named("/usr/bin/hello"), .file_page = 3};
    CHECK(contains(eviction_line(event),
                   " clean                 of hello page 3, age 12.345 s, by MADV_PAGEOUT, frame 2a1"));
    event.dirty = true;
    CHECK(contains(eviction_line(event), " dirty                 -> hello page 3, age"));
    event.slot = emu::SwapSlot(5);
    CHECK(contains(eviction_line(event), " dirty                 -> slot 5, hello page 3, age"));
    event.page.file = files.named("/tmp/\x1b[2J\n");
    CHECK(contains(eviction_line(event), "-> slot 5, ?[2J? page 3, age"));
}

TEST_CASE("a write has a line where the page stays") {
    mm::WriteBackEvent ahead = test::stack_write_back(), failed = ahead, of_eviction = ahead;
    failed.failed = true;
    failed.reason = mm::ReclaimReason::fault;
    failed.slot = std::nullopt;
    of_eviction.reason = mm::ReclaimReason::fault;
    const std::vector<std::string> lines = played({}, {{ahead, failed, of_eviction}, {}, {test::heap_write()}});
    REQUIRE(lines.size() == 14);
    CHECK(lines[3] ==
          "          11.000 write-back   ahead  0x7fffffffe000 -> slot 17, of pid 2, at fault 7, frame 2a1");
    CHECK(lines[4] ==
          "          11.000 write-back   failed 0x7fffffffe000 no slot is free, of pid 2, for fault 7, frame 2a1");
    CHECK(contains(lines[5], "demand_zero"));
    CHECK(contains(lines[9], "      1  write-back    dirty pages were written before"));
    CHECK(contains(lines[10], "      1  write-back    writes failed"));
}

TEST_CASE("the counts at the end are those of the events") {
    mm::EvictionEvent dirty = test::stack_eviction(), clean = dirty, dropped = dirty;
    clean.dirty = dropped.dirty = false;
    dropped.dropped = true;
    mm::FaultEvent near = test::heap_refault(), far = near;
    near.refault_distance = 0;
    far.refault_distance = 9;
    const std::vector<std::string> lines = played({}, {{}, {dirty, dirty, dirty, clean, dropped}, {near, far}});
    const auto has = [&](const std::string& part) {
        return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return contains(line, part); });
    };
    CHECK(
        has("      5  evict         pages left memory: 3 dirty, which were written out first, 2 clean, 1 of them given "
            "up"));
    CHECK(has("      2  refault       faults were on a page that had been evicted, 4.5 evictions before"));
}

TEST_CASE("lines of reclaim fit the terminal and keep their colours apart") {
    test::Files files;
    mm::EvictionEvent event = test::stack_eviction();
    event.page.file = files.named("/a-program-with-a-very-long-name-and-an-even-longer-path");
    mm::WriteBackEvent failed = test::stack_write_back();
    failed.failed = true;
    const Scene scene{{test::stack_write_back(), failed}, {event}, {test::heap_refault()}};
    for (unsigned width = 60; width < 300; ++width) {
        CAPTURE(width);
        const std::vector<std::string> plain = played({false, width}, scene);
        const std::vector<std::string> coloured = played({true, width}, scene);
        REQUIRE(plain.size() == coloured.size());
        for (std::size_t index = 0; index < 7; ++index) {
            CHECK(display_width(plain[index]) <= width);
            std::string stripped = without_colours(coloured[index]);
            stripped.erase(stripped.find_last_not_of(' ') + 1);
            CHECK(stripped == plain[index]);
        }
        CHECK(contains(plain[5], "evict        dirty  0x7fffffffe000 -> "));
        if (width >= 80) CHECK(contains(plain[2], "refault"));
        CHECK(contains(coloured[3], "\x1b[34mwrite-back"));
        CHECK(contains(coloured[4], "\x1b[1;31mwrite-back"));
        CHECK(contains(coloured[5], "\x1b[34mevict"));
    }
}
