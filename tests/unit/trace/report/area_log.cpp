#include "trace/report/area_log.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::trace;
using namespace fl::trace::report;

namespace {

VirtRange range(std::uint64_t start, std::uint64_t end) { return {VirtAddr(start), VirtAddr(end)}; }

}  // namespace

TEST_CASE("mappings come, change and go") {
    AreaLog log;
    log.note({.time_ns = 10,
              .pid = 2,
              .all = true,
              .gone = {},
              .mapped = {{range(0x1000, 0x3000), "r-xp", "/bin/a"}, {range(0x8000, 0x9000), "rw-p", "[heap]"}}});
    // The heap grows; then the program is unmapped.
    log.note({.time_ns = 20,
              .pid = 2,
              .gone = {range(0x8000, 0x9000)},
              .mapped = {{range(0x8000, 0xb000), "rw-p", "[heap]"}}});
    log.note({.time_ns = 30, .pid = 2, .gone = {range(0x1000, 0x3000)}, .mapped = {}});
    REQUIRE(log.areas().size() == 3);
    const Area& program = log.areas()[0];
    CHECK(program.pid == 2);
    CHECK(program.range == range(0x1000, 0x3000));
    CHECK(program.name == "/bin/a");
    CHECK(program.protection == "r-xp");
    CHECK(program.from_ns == 10);
    CHECK(program.to_ns == 30);
    CHECK(!program.open);
    CHECK(log.areas()[1].to_ns == 20);
    CHECK(log.areas()[2].range == range(0x8000, 0xb000));
    CHECK(log.areas()[2].open);
    log.close_all(2, 40);
    CHECK(log.areas()[2].to_ns == 40);
}

TEST_CASE("another program has none of the old mappings; other processes keep theirs") {
    AreaLog log;
    for (const std::uint32_t pid : {2U, 3U}) {
        log.note({.time_ns = 1, .pid = pid, .all = true, .gone = {}, .mapped = {{range(0x1000, 0x2000), "r--p", "a"}}});
    }
    log.note({.time_ns = 5, .pid = 2, .all = true, .gone = {}, .mapped = {{range(0x5000, 0x6000), "r--p", "b"}}});
    REQUIRE(log.areas().size() == 3);
    CHECK(log.areas()[0].to_ns == 5);
    CHECK(log.areas()[1].open);
    CHECK(log.areas()[2].open);
}

TEST_CASE("a trace may tell of mappings twice, and of the end of those that never were") {
    AreaLog log;
    log.note({.time_ns = 1, .pid = 2, .gone = {range(0x7000, 0x8000)}, .mapped = {{range(0x1000, 0x2000), "", ""}}});
    log.note({.time_ns = 2, .pid = 2, .gone = {}, .mapped = {{range(0x1000, 0x4000), "", ""}}});
    REQUIRE(log.areas().size() == 2);
    CHECK(log.areas()[0].to_ns == 2);
    log.close_all(9, 3);
    CHECK(log.areas()[1].open);
}

TEST_CASE("there is room for so many, and the others are counted") {
    AreaLog log;
    for (std::size_t i = 0; i < AreaLog::max_areas + 5; ++i) {
        log.note({.time_ns = i, .pid = 2, .gone = {}, .mapped = {{range(0x1000, 0x2000), "", ""}}});
    }
    CHECK(log.areas().size() == AreaLog::max_areas);
    CHECK(log.refused() == 5);
}
