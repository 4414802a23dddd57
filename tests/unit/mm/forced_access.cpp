// What /proc/PID/mem does: reads and writes that rights do not stop.
#include "tests/unit/mm/machine.hpp"

#include <cstring>

namespace fl::mm {

using namespace test;

namespace {

std::uint64_t put(Machine& machine, VirtAddr at, const std::string& text) {
    return machine.user().copy_to_remote(at, std::as_bytes(std::span(text)), Rights::overridden);
}

std::string get(Machine& machine, VirtAddr at, std::size_t size) {
    std::string text(size, '\0');
    text.resize(machine.user().copy_from_remote(at, std::as_writable_bytes(std::span(text)), Rights::overridden));
    return text;
}

}  // namespace

TEST_CASE("forced write: private memory without the right to write gets a copy, the file keeps its bytes") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    REQUIRE(machine.map(page(0), 2, prot_read | prot_exec, map_private | map_fixed, file).has_value());
    machine.read(page(0));
    CHECK(put(machine, page(0) + page_size - 1, "ab") == 2);
    CHECK(get(machine, page(0) + page_size - 2, 4) == std::string("\1ab\2", 4));
    CHECK(machine.memory.frames()[machine.pte(page(0)).pfn()].state == FrameState::anonymous);
    CHECK_FALSE(machine.pte(page(0)).writable());
    CHECK(machine.pte(page(0)).dirty());
    std::array<std::byte, 1> last{};
    REQUIRE(file->read(page_size - 1, last));
    CHECK(last[0] == std::byte{1});
    // Once it is a page of its own it takes the next write where it is.
    const Pfn own = machine.pte(page(0)).pfn();
    CHECK(put(machine, page(0), "c") == 1);
    CHECK(machine.pte(page(0)).pfn() == own);
    CHECK(machine.broken() == "");
}

TEST_CASE("forced access: PROT_NONE is read and written, and stays hidden") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2, 0).has_value());
    CHECK(get(machine, page(0), 3) == std::string(3, '\0'));
    CHECK(put(machine, page(0), "abc") == 3);
    CHECK(put(machine, page(1), "def") == 3);
    CHECK(get(machine, page(0), 3) == "abc");
    CHECK(machine.broken() == "");
    CHECK(machine.read(page(0)) == test::Kinds{FaultKind::segv_accerr});
    REQUIRE(machine.mm->protect(page(0), 2 * page_size, read_write).has_value());
    CHECK(machine.byte(page(1)) == std::byte{'d'});
    CHECK(machine.broken() == "");
}

TEST_CASE("forced read: the neighbours that come with a file's page are hidden as well") {
    Machine machine;
    const auto file = machine.open(numbered_pages(4 * page_size));
    REQUIRE(machine.map(page(0), 4, 0, map_private | map_fixed, file).has_value());
    CHECK(get(machine, page(1), 1) == "\2");
    CHECK(machine.pte(page(1)).kind() == emu::PteKind::prot_none);
    CHECK(machine.broken() == "");
    CHECK(machine.read(page(2)) == test::Kinds{FaultKind::segv_accerr});
}

TEST_CASE("forced access: refused for shared memory that forbids it, beside a mapping, and at the end of one") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1, prot_read, map_shared | map_anonymous | map_fixed).has_value());
    CHECK(put(machine, page(0), "a") == 0);
    CHECK(get(machine, page(0), 1).size() == 1);
    CHECK(get(machine, page(0) + page_size - 4, 8).size() == 4);
    CHECK(get(machine, page(5), 1).empty());
    CHECK(get(machine, VirtAddr(~std::uint64_t{0}), 2).empty());
    CHECK(put(machine, task_size, "a") == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("forced access: a page past the end of its file fails, and so does one without a frame") {
    Machine machine(16);
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 2, prot_read, map_private | map_fixed, file).has_value());
    CHECK(get(machine, page(1), 1).empty());
    REQUIRE(machine.map(page(4), 4, prot_read).has_value());
    machine.memory.buddy().fail_after(0);
    CHECK(put(machine, page(4), "a") == 0);
    machine.memory.buddy().fail_after(std::nullopt);
    CHECK(machine.handler.take_oom());
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
