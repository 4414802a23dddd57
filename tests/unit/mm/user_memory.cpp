#include "mm/user_memory.hpp"

#include "tests/unit/mm/machine.hpp"

#include <cstring>

namespace fl::mm {

using namespace test;

namespace {

std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
    return bytes;
}

void put_string(UserMemory user, VirtAddr at, const std::string& text) {
    REQUIRE(user.copy_to(at, std::as_bytes(std::span(text.c_str(), text.size() + 1))).has_value());
}

}  // namespace

TEST_CASE("user memory: copies cross pages and take the faults that the program would") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4).has_value());
    UserMemory user = machine.user();
    const auto bytes = pattern(2 * page_size + 100);
    CHECK(outcome(user.copy_to(page(0) + 4000, bytes)) == "ok");
    CHECK(machine.handler.counters().of(FaultKind::demand_zero) == 4);
    std::vector<std::byte> back(bytes.size());
    CHECK(outcome(user.copy_from(page(0) + 4000, back)) == "ok");
    CHECK(back == bytes);
    CHECK(machine.handler.counters().total() == 4);
    // What was not written reads as zero.
    std::byte before{1};
    CHECK(outcome(user.copy_from(page(0) + 3999, std::span(&before, 1))) == "ok");
    CHECK(before == std::byte{0});
    CHECK(machine.broken() == "");
}

TEST_CASE("user memory: reading untouched memory maps the zero page, writing it later upgrades") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    UserMemory user = machine.user();
    CHECK(user.read<std::uint64_t>(page(0)) == 0U);
    CHECK(machine.pte(page(0)).pfn() == machine.memory.zero_page());
    CHECK(outcome(user.write(page(0) + 8, std::uint32_t{0x11223344})) == "ok");
    CHECK(user.read<std::uint32_t>(page(0) + 8) == 0x11223344U);
    CHECK(machine.pte(page(0)).dirty());
    // The shared page of zeroes is what it was.
    CHECK(machine.ram.frame(machine.memory.zero_page())[8] == std::byte{0});
    // The processor must forget the entry that it may have.
    CHECK(machine.mm->take_effects().tlb_stale);
}

TEST_CASE("user memory: a value across two pages") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    UserMemory user = machine.user();
    CHECK(outcome(user.write(page(1) - 3, std::uint64_t{0x0102030405060708})) == "ok");
    CHECK(user.read<std::uint64_t>(page(1) - 3) == 0x0102030405060708U);
    CHECK(machine.byte(page(1)) == std::byte{0x05});
}

TEST_CASE("user memory: a write copies a private file page, never the file's") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 1, read_write, map_private | map_fixed, file).has_value());
    UserMemory user = machine.user();
    CHECK(user.read<std::uint8_t>(page(0)) == 1);
    CHECK(outcome(user.write(page(0), std::uint8_t{200})) == "ok");
    CHECK(user.read<std::uint8_t>(page(0)) == 200);
    CHECK(machine.ram.frame(*file->cached(0))[0] == std::byte{1});
    CHECK(machine.broken() == "");
}

TEST_CASE("user memory: a fatal fault is EFAULT, and the part before it is done") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(2), 1, prot_read).has_value());
    UserMemory user = machine.user();
    const auto bytes = pattern(3 * page_size);
    CHECK(user.copy_to_partial(page(0) + 100, bytes) == 2 * page_size - 100);
    CHECK(outcome(user.copy_to(page(0) + 200, bytes)) == "EFAULT");
    CHECK(machine.byte(page(0) + 200) == bytes[0]);
    CHECK(machine.byte(page(1) + 4095) == bytes[2 * page_size - 201]);
    CHECK(outcome(user.clear(page(1), 2 * page_size)) == "EFAULT");
    CHECK(machine.byte(page(1)) == std::byte{0});

    std::vector<std::byte> back(4 * page_size, std::byte{0xff});
    CHECK(user.copy_from_partial(page(0), back) == 3 * page_size);
    CHECK(back[3 * page_size - 1] == std::byte{0});
    CHECK(back[3 * page_size] == std::byte{0xff});
    CHECK(outcome(user.copy_from(page(0), back)) == "EFAULT");
    CHECK(user.copy_from_partial(page(9), back) == 0);
    CHECK(outcome(user.read<int>(page(3) - 2)) == "EFAULT");
    CHECK(outcome(user.write(page(2), 1)) == "EFAULT");
    CHECK(machine.broken() == "");
}

TEST_CASE("user memory: hidden, read-only and past-the-end memory") {
    Machine machine;
    const auto file = machine.open(numbered_pages(10));
    REQUIRE(machine.map(page(0), 1).has_value());
    UserMemory user = machine.user();
    CHECK(outcome(user.write(page(0), 1)) == "ok");
    REQUIRE(machine.mm->protect(page(0), page_size, 0).has_value());
    CHECK(outcome(user.read<int>(page(0))) == "EFAULT");
    REQUIRE(machine.mm->protect(page(0), page_size, prot_read).has_value());
    CHECK(user.read<int>(page(0)) == 1);
    CHECK(outcome(user.write(page(0), 2)) == "EFAULT");
    REQUIRE(machine.map(page(5), 2, prot_read, map_private | map_fixed, file).has_value());
    CHECK(user.read<std::uint8_t>(page(5)) == 1);
    CHECK(outcome(user.read<int>(page(6))) == "EFAULT");
}

TEST_CASE("user memory: the kernel half is not the program's to name") {
    Machine machine;
    UserMemory user = machine.user();
    std::vector<std::byte> bytes(16);
    REQUIRE(machine.map(task_size - page_size, 1).has_value());
    CHECK(outcome(user.copy_from(task_size - 16, bytes)) == "ok");
    for (const VirtAddr at : {task_size - 15, task_size, task_size + 1, VirtAddr(0x800000000000),
                              VirtAddr(0xffff888000000000), VirtAddr(~std::uint64_t{0})}) {
        CAPTURE(at);
        CHECK(outcome(user.copy_from(at, bytes)) == "EFAULT");
        CHECK(outcome(user.copy_to(at, bytes)) == "EFAULT");
        CHECK(outcome(user.clear(at, 16)) == "EFAULT");
    }
    CHECK(outcome(user.clear(page(0), ~std::uint64_t{0})) == "EFAULT");
    // Checked before the first byte is touched (access_ok).
    CHECK(user.copy_to_partial(task_size - 15, bytes) == 0);
    CHECK(outcome(user.copy_from(VirtAddr(0), bytes)) == "EFAULT");
}

TEST_CASE("user memory: nothing to copy succeeds without looking") {
    Machine machine;
    UserMemory user = machine.user();
    CHECK(outcome(user.copy_to(page(0), {})) == "ok");
    CHECK(outcome(user.copy_from(page(0), {})) == "ok");
    CHECK(outcome(user.clear(page(0), 0)) == "ok");
    CHECK(machine.handler.counters().total() == 0);
}

TEST_CASE("user memory: out of frames is EFAULT, and remembered as what it was") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.memory.buddy().fail_after(0);
    CHECK(outcome(machine.user().write(page(0), 1)) == "EFAULT");
    CHECK(machine.handler.take_oom());
    machine.memory.buddy().fail_after(std::nullopt);
    CHECK(machine.broken() == "");
}

TEST_CASE("user memory: a write into translated code makes the translation stale") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1, read_write | prot_exec).has_value());
    UserMemory user = machine.user();
    CHECK(outcome(user.write(page(0), std::uint8_t{0x90})) == "ok");
    machine.ram.code_frames().note_fetched(machine.pte(page(0)).pfn());
    CHECK(user.read<std::uint8_t>(page(0)) == 0x90);
    CHECK_FALSE(machine.ram.code_frames().any_stale());
    CHECK(outcome(user.write(page(0), std::uint8_t{0xc3})) == "ok");
    CHECK(machine.ram.code_frames().any_stale());
}

TEST_CASE("user memory: strings") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    UserMemory user = machine.user();
    put_string(user, page(0), "hello");
    CHECK(user.read_string(page(0), 100) == std::string("hello"));
    CHECK(user.read_string(page(0) + 5, 100) == std::string(""));
    CHECK(user.read_string(page(0), 5) == std::string("hello"));
    CHECK(outcome(user.read_string(page(0), 4)) == "ENAMETOOLONG");
    CHECK(user.read_string(page(0) + 5, 0) == std::string(""));

    const std::string long_text(page_size, 'x');
    put_string(user, page(0) + 10, long_text);
    CHECK(user.read_string(page(0) + 10, page_size) == long_text);
    CHECK(outcome(user.read_string(page(0) + 10, page_size - 1)) == "ENAMETOOLONG");

    // Exactly as long as allowed, with the NUL on the next page: it has to be looked for there.
    put_string(user, page(1) - 4, "four");
    CHECK(user.read_string(page(1) - 4, 4) == std::string("four"));
    REQUIRE(user.write(page(1), 'x').has_value());
    CHECK(outcome(user.read_string(page(1) - 4, 4)) == "ENAMETOOLONG");

    // Up to the last byte of the last page; without a NUL the fault behind it counts.
    put_string(user, page(2) - 4, "abc");
    CHECK(user.read_string(page(2) - 4, 100) == std::string("abc"));
    REQUIRE(user.write(page(2) - 1, 'd').has_value());
    CHECK(outcome(user.read_string(page(2) - 4, 100)) == "EFAULT");
    CHECK(outcome(user.read_string(page(2) - 4, 3)) == "ENAMETOOLONG");
    CHECK(outcome(user.read_string(page(5), 100)) == "EFAULT");
    CHECK(outcome(user.read_string(task_size, 100)) == "EFAULT");
    CHECK(outcome(user.read_string(VirtAddr(0xffff800000000000), 100)) == "EFAULT");
    CHECK(outcome(user.read_string(VirtAddr(0x8000000000000000), 100)) == "EFAULT");
}

}  // namespace fl::mm
