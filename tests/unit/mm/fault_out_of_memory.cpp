#include "mm/fault_handler.hpp"

#include "tests/unit/mm/machine.hpp"

#include <functional>

namespace fl::mm {

using emu::Access;
using namespace test;

TEST_CASE("fault: out of frames at each allocation in turn, nothing has changed and it works the next time") {
    struct Case {
        const char* name;
        std::function<void(Machine&)> prepare;
        Access access;
        FaultKind kind;
    };
    const auto map_file = [](Machine& machine, std::uint64_t prot, std::uint64_t flags) {
        REQUIRE(machine.map(page(0), 8, prot, flags, machine.open(numbered_pages(8 * page_size))).has_value());
    };
    const std::vector<Case> cases = {
        {"demand_zero", [](Machine& m) { REQUIRE(m.map(page(0), 8)); }, Access::write, FaultKind::demand_zero},
        {"zero_page", [](Machine& m) { REQUIRE(m.map(page(0), 8)); }, Access::read, FaultKind::zero_page},
        {"zero_upgrade",
         [](Machine& m) {
             REQUIRE(m.map(page(0), 8));
             m.read(page(2));
         },
         Access::write, FaultKind::zero_upgrade},
        {"file", [&](Machine& m) { map_file(m, prot_read, file_private); }, Access::read, FaultKind::file_major},
        {"shared file", [&](Machine& m) { map_file(m, read_write, file_shared); }, Access::write,
         FaultKind::file_major},
        {"copy of a page never read", [&](Machine& m) { map_file(m, read_write, file_private); }, Access::write,
         FaultKind::cow},
        {"copy of a page read before",
         [&](Machine& m) {
             map_file(m, read_write, file_private);
             m.read(page(2));
         },
         Access::write, FaultKind::cow},
        {"shared memory", [](Machine& m) { REQUIRE(m.map(page(0), 8, read_write, anonymous_shared)); }, Access::write,
         FaultKind::demand_zero},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        bool succeeded = false;
        for (std::uint64_t successes = 0; !succeeded; ++successes) {
            CAPTURE(successes);
            REQUIRE(successes < 10);
            Machine machine;
            c.prepare(machine);
            const Lines layout = machine.layout();
            const RssCounters rss = machine.mm->rss();
            const test::Sizes sizes = test::sizes(*machine.mm);
            const emu::Pte entry = machine.pte(page(2));
            machine.memory.buddy().fail_after(successes);
            const Kinds kinds = machine.touch(page(2), c.access);
            machine.memory.buddy().fail_after(std::nullopt);
            succeeded = kinds.front() != FaultKind::oom;
            if (!succeeded) {
                CHECK(kinds == Kinds{FaultKind::oom});
                CHECK(machine.handler.last_fatal() == FaultKind::oom);
                CHECK(machine.handler.take_oom());
                CHECK_FALSE(machine.handler.take_oom());
                CHECK(machine.layout() == layout);
                CHECK(machine.mm->rss() == rss);
                CHECK(test::sizes(*machine.mm) == sizes);
                CHECK(machine.pte(page(2)) == entry);
                CHECK(machine.broken() == "");
                // The page of the file may have been read meanwhile.
                CHECK(machine.touch(page(2), c.access).size() == 1);
            } else {
                CHECK(kinds == Kinds{c.kind});
            }
            CHECK(machine.broken() == "");
        }
    }
}

TEST_CASE("fault: a stack that ran out of frames has grown, as on Linux, and is sound") {
    for (std::uint64_t successes = 0; successes < 4; ++successes) {
        Machine machine;
        REQUIRE(machine.mm->map_stack(page(1000), page_size, false).has_value());
        machine.memory.buddy().fail_after(successes);
        CHECK(machine.write(page(998)) == Kinds{FaultKind::oom});
        CHECK(machine.layout(base_address) == Lines{"998-1000 rw-p"});
        CHECK(machine.broken() == "");
        machine.memory.buddy().fail_after(std::nullopt);
        CHECK(machine.write(page(998)) == Kinds{FaultKind::demand_zero});
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("fault: short of memory, the page cache makes room and the page that is copied stays") {
    // 16 frames: 2 of the machine, 4 tables, so 10 for pages.
    Machine machine(16);
    const auto file = machine.open(numbered_pages(6 * page_size));
    REQUIRE(machine.map(page(0), 6, read_write, file_private, file).has_value());
    REQUIRE(machine.map(page(10), 9).has_value());
    for (std::uint64_t i = 0; i < 6; ++i) {
        CHECK(machine.write(page(i)) == Kinds{FaultKind::cow});
        CHECK(machine.byte(page(i)) == static_cast<std::byte>(1 + i));
        CHECK(machine.broken() == "");
    }
    // Four frames are left, all of them in the page cache.
    for (std::uint64_t i = 0; i < 4; ++i) CHECK(machine.write(page(10 + i)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.write(page(14)) == Kinds{FaultKind::oom});
    CHECK(file->cached_page_count() == PageCount(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: reading ahead stops where memory ends, and the page asked for is there") {
    Machine machine(16);
    const auto file = machine.open(numbered_pages(16 * page_size));
    REQUIRE(machine.map(page(0), 16, prot_read, file_private, file).has_value());
    CHECK(machine.read(page(15)) == Kinds{FaultKind::file_major});
    CHECK(machine.byte(page(15)) == std::byte{16});
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
