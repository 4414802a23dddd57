#include "emu/mmu.hpp"

#include "machine_support.hpp"

using namespace fl;
using namespace fl::emu;
using namespace fl::emu::test;

namespace {

constexpr VirtAddr page(0x40'0000);

WalkError error_of(TestMachine& machine, VirtAddr address, Access access, Mode mode = Mode::user) {
    const auto walked = machine.mmu.translate(machine.root, address, access, mode);
    REQUIRE_FALSE(walked.has_value());
    return walked.error();
}

}  // namespace

TEST_CASE("an empty table gives not-present with the access in the error code") {
    TestMachine machine;
    CHECK(error_of(machine, page, Access::read) == PageFaultCode::user);
    CHECK(error_of(machine, page, Access::write) == (PageFaultCode::user | PageFaultCode::write));
    CHECK(error_of(machine, page, Access::execute) == (PageFaultCode::user | PageFaultCode::instruction));
    CHECK(error_of(machine, page, Access::write, Mode::kernel) == PageFaultCode::write);
}

TEST_CASE("a missing table at any level is not-present") {
    TestMachine machine;
    machine.map(page, user_data);
    // Beside the mapped page, its table, its directory and its upper directory.
    for (const std::uint64_t distance :
         std::initializer_list<std::uint64_t>{page_size, 2U << 20, 1U << 30, 512ULL << 30}) {
        CHECK(error_of(machine, page + distance, Access::read) == PageFaultCode::user);
    }
}

TEST_CASE("rights are refused with the present bit") {
    TestMachine machine;
    machine.map(page, PteAccess{.writable = false, .user = true, .executable = false});
    CHECK(error_of(machine, page, Access::write) ==
          (PageFaultCode::present | PageFaultCode::user | PageFaultCode::write));
    CHECK(error_of(machine, page, Access::execute) ==
          (PageFaultCode::present | PageFaultCode::user | PageFaultCode::instruction));
    // CR0.WP: the kernel may not write it either.
    CHECK(error_of(machine, page, Access::write, Mode::kernel) == (PageFaultCode::present | PageFaultCode::write));
    CHECK(machine.mmu.translate(machine.root, page, Access::read, Mode::user).has_value());

    machine.map(page + page_size, PteAccess{.writable = true, .user = false, .executable = true});
    CHECK(error_of(machine, page + page_size, Access::read) == (PageFaultCode::present | PageFaultCode::user));
    CHECK(machine.mmu.translate(machine.root, page + page_size, Access::write, Mode::kernel).has_value());
}

TEST_CASE("an upper entry that forbids, forbids for all below it") {
    TestMachine machine;
    machine.map(page, user_all);
    Pte& top = machine.ram.table(machine.root)[page.table_index(4)];
    top = top.without_writable();
    CHECK((error_of(machine, page, Access::write) & PageFaultCode::present) != 0);
    CHECK(machine.mmu.translate(machine.root, page, Access::read, Mode::user).has_value());
}

TEST_CASE("reserved bits and frames beyond the end of RAM are reserved-bit faults") {
    TestMachine machine;
    machine.slot(page) = Pte::from_raw(0x0001'0000'0000'0007);
    CHECK(error_of(machine, page, Access::read) ==
          (PageFaultCode::present | PageFaultCode::reserved | PageFaultCode::user));
    machine.slot(page) = Pte::present(Pfn(64), user_data);
    CHECK((error_of(machine, page, Access::read) & PageFaultCode::reserved) != 0);
}

TEST_CASE("a large page is translated to each of its frames, with the bits of its entry") {
    Ram ram = *Ram::create(PageCount(1024));
    Mmu mmu(ram);
    const VirtAddr start(0x4000'0000);
    const Pfn root(1), upper(2), middle(3);
    ram.table(root)[start.table_index(4)] = Pte::present(upper, user_all);
    ram.table(upper)[start.table_index(3)] = Pte::present(middle, user_all);
    Pte& entry = ram.table(middle)[start.table_index(2)];
    entry = Pte::present_large(Pfn(512), user_data);

    const auto read = mmu.translate(root, start + 7 * page_size + 5, Access::read, Mode::user);
    REQUIRE(read.has_value());
    CHECK(read->pfn == Pfn(519));
    CHECK_FALSE(read->writable);
    CHECK(entry.accessed());
    CHECK_FALSE(entry.dirty());
    const auto written = mmu.translate(root, start + 511 * page_size, Access::write, Mode::user);
    REQUIRE(written.has_value());
    CHECK(written->pfn == Pfn(1023));
    CHECK(written->writable);
    CHECK(entry.dirty());
    CHECK(mmu.peek(root, start + 9 * page_size) == entry);
    const auto fetched = mmu.translate(root, start, Access::execute, Mode::user);
    REQUIRE_FALSE(fetched.has_value());
    CHECK(fetched.error() == (PageFaultCode::present | PageFaultCode::user | PageFaultCode::instruction));

    entry = Pte::from_raw(entry.raw() | 1U << 13);
    const auto misplaced = mmu.translate(root, start, Access::read, Mode::user);
    REQUIRE_FALSE(misplaced.has_value());
    CHECK(misplaced.error() == (PageFaultCode::present | PageFaultCode::reserved | PageFaultCode::user));
}

TEST_CASE("a walk sets A at every level, and D only at the leaf and only on a write") {
    TestMachine machine;
    const Pfn pfn = machine.map(page, user_data);
    REQUIRE_FALSE(machine.slot(page).accessed());

    const auto read = machine.mmu.translate(machine.root, page + 5, Access::read, Mode::user);
    REQUIRE(read.has_value());
    CHECK(read->pfn == pfn);
    CHECK_FALSE(read->writable);  // not dirty yet: the first write has to come back
    CHECK(machine.slot(page).accessed());
    CHECK_FALSE(machine.slot(page).dirty());
    CHECK(machine.ram.table(machine.root)[page.table_index(4)].accessed());

    const auto write = machine.mmu.translate(machine.root, page, Access::write, Mode::user);
    REQUIRE(write.has_value());
    CHECK(write->writable);
    CHECK(machine.slot(page).dirty());
    CHECK_FALSE(machine.ram.table(machine.root)[page.table_index(4)].dirty());
    // Dirty now: a later read may grant the write as well.
    CHECK(machine.mmu.translate(machine.root, page, Access::read, Mode::user)->writable);
}

TEST_CASE("a refused walk leaves A and D alone, and so does peek") {
    TestMachine machine;
    machine.map(page, PteAccess{.writable = false, .user = true, .executable = false});
    error_of(machine, page, Access::write);
    CHECK_FALSE(machine.slot(page).accessed());
    CHECK(machine.mmu.peek(machine.root, page) == machine.slot(page));
    CHECK(machine.mmu.peek(machine.root, page + (1ULL << 30)).is_none());
    CHECK_FALSE(machine.slot(page).accessed());
}

TEST_CASE("entries that PROT_NONE hides or that are swapped are not present to the processor") {
    TestMachine machine;
    machine.map(page, user_data);
    machine.slot(page) = machine.slot(page).with_prot_none();
    CHECK(error_of(machine, page, Access::read) == PageFaultCode::user);
    machine.slot(page) = Pte::swapped(SwapSlot(3));
    CHECK(error_of(machine, page, Access::read) == PageFaultCode::user);
}
