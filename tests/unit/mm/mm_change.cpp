#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

TEST_CASE("mprotect: each errno, in order") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 2).has_value());
    const std::uint64_t grows = prot_growsdown | prot_growsup;
    CHECK(outcome(mm.protect(page(0), 0, prot_read | grows)) == "EINVAL");
    CHECK(outcome(mm.protect(page(0) + 1, 0, prot_read)) == "EINVAL");
    CHECK(outcome(mm.protect(page(0), 0, 0xff)) == "ok");  // nothing to do comes before the protection
    CHECK(outcome(mm.protect(page(50), 0, prot_read)) == "ok");
    CHECK(outcome(mm.protect(page(0), ~std::uint64_t{0}, 0xff)) == "ENOMEM");
    CHECK(outcome(mm.protect(VirtAddr(~page_mask), page_size, 0xff)) == "ENOMEM");
    CHECK(outcome(mm.protect(page(0), page_size, 0x10)) == "EINVAL");
    CHECK(outcome(mm.protect(page(50), page_size, 0x10)) == "EINVAL");
    CHECK(outcome(mm.protect(page(50), page_size, prot_read)) == "ENOMEM");
    CHECK(outcome(mm.protect(base_address - page_size, page_size, prot_read)) == "ENOMEM");
    CHECK(outcome(mm.protect(page(0), page_size, prot_read | prot_growsup)) == "EINVAL");
    CHECK(outcome(mm.protect(page(0), page_size, prot_read | prot_growsdown)) == "EINVAL");
    CHECK(outcome(mm.protect(page(0), page_size, prot_read | 8)) == "ok");  // PROT_SEM
    CHECK(outcome(mm.protect(task_size, page_size, prot_read)) == "ENOMEM");
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: what lies before a hole is changed although the call fails") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(3), 2).has_value());
    CHECK(outcome(machine.mm->protect(page(0), 5 * page_size, prot_read)) == "ENOMEM");
    CHECK(machine.layout(base_address) == Lines{"0-2 r--p", "3-5 rw-p"});
    CHECK(outcome(machine.mm->protect(page(3), 3 * page_size, prot_read)) == "ENOMEM");
    CHECK(machine.layout(base_address) == Lines{"0-2 r--p", "3-5 r--p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: splits and merges") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 6).has_value());
    for (std::uint64_t i = 0; i < 6; ++i) machine.write(page(i));
    REQUIRE(mm.protect(page(2), 2 * page_size, prot_read).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p", "2-4 r--p", "4-6 rw-p"});
    REQUIRE(mm.protect(page(1), page_size, prot_read).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-4 r--p", "4-6 rw-p"});
    REQUIRE(mm.protect(page(3), 2 * page_size, prot_read).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-5 r--p", "5-6 rw-p"});
    REQUIRE(mm.protect(page(0), 6 * page_size, read_write).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-6 rw-p"});
    CHECK(mm.rss().anonymous == PageCount(6));
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: read-only takes the right to write at once") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    machine.mm->take_effects();
    REQUIRE(machine.mm->protect(page(0), page_size, prot_read).has_value());
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.read(page(0)) == Kinds{});
    CHECK(machine.write(page(0)) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.last_event().error_code == 7);
    REQUIRE(machine.mm->protect(page(0), page_size, read_write).has_value());
    // The page is this mapping's alone: no fault to write it again (can_change_pte_writable).
    CHECK(machine.write(page(0)) == Kinds{});
    CHECK_FALSE(machine.mm->take_effects().tlb_stale);
}

TEST_CASE("mprotect: PROT_NONE hides a page and its content comes back") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 3).has_value());
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{7};
    machine.read(page(1));
    const Pfn pfn = machine.pte(page(0)).pfn();
    REQUIRE(mm.protect(page(0), 3 * page_size, 0).has_value());
    CHECK(machine.pte(page(0)).kind() == emu::PteKind::prot_none);
    CHECK(machine.pte(page(0)).pfn() == pfn);
    CHECK(machine.pte(page(0)).dirty());
    CHECK(machine.pte(page(1)).kind() == emu::PteKind::prot_none);
    CHECK(machine.pte(page(2)).is_none());
    CHECK(mm.rss().anonymous == PageCount(1));
    CHECK(machine.read(page(0)) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.last_event().error_code == 4);  // to the processor nothing is there
    CHECK(machine.read(page(2)) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.touch(page(0), emu::Access::read, emu::Mode::kernel) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.broken() == "");

    REQUIRE(mm.protect(page(0), 3 * page_size, prot_read).has_value());
    CHECK(machine.read(page(0)) == Kinds{});
    CHECK(machine.byte(page(0)) == std::byte{7});
    CHECK(machine.pte(page(0)).pfn() == pfn);
    CHECK(machine.write(page(0)) == Kinds{FaultKind::segv_accerr});
    REQUIRE(mm.protect(page(0), 3 * page_size, read_write).has_value());
    CHECK(machine.write(page(0)) == Kinds{});
    CHECK(machine.write(page(1)) == Kinds{FaultKind::zero_upgrade});
    CHECK(machine.byte(page(1)) == std::byte{0});
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: hiding a page that was only read makes the processor forget it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.read(page(0));
    machine.mm->take_effects();
    REQUIRE(machine.mm->protect(page(1), page_size, 0).has_value());
    CHECK_FALSE(machine.mm->take_effects().tlb_stale);
    REQUIRE(machine.mm->protect(page(0), page_size, 0).has_value());
    CHECK(machine.mm->take_effects().tlb_stale);
}

TEST_CASE("mprotect: a page that somebody else refers to stays read-only, so that a write copies it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    const Pfn pfn = machine.pte(page(0)).pfn();
    const auto child = machine.mm->fork();
    REQUIRE(child.has_value());
    REQUIRE(machine.mm->protect(page(0), page_size, prot_read).has_value());
    REQUIRE(machine.mm->protect(page(0), page_size, read_write).has_value());
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow});
    CHECK(machine.pte(page(0)).pfn() != pfn);
    CHECK(machine.broken({child->get()}) == "");
}

TEST_CASE("mprotect: a hidden page is freed with its mapping") {
    Machine machine;
    const PageCount free_before = machine.free_frames();
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.write(page(0));
    machine.read(page(1));
    REQUIRE(machine.mm->protect(page(0), 2 * page_size, 0).has_value());
    REQUIRE(machine.mm->unmap(page(0), 2 * page_size).has_value());
    CHECK(machine.free_frames() == free_before);
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: a read-only private file page is copied when it becomes writable and is written") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    REQUIRE(machine.map(page(0), 2, prot_read, map_private | map_fixed, file).has_value());
    machine.read(page(0));
    REQUIRE(machine.mm->protect(page(0), 2 * page_size, read_write).has_value());
    CHECK_FALSE(machine.pte(page(0)).writable());
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow});
    machine.byte(page(0)) = std::byte{99};
    CHECK(machine.ram.frame(*file->cached(0))[0] == std::byte{1});
    CHECK(machine.broken() == "");
    // And stays private through another round.
    REQUIRE(machine.mm->protect(page(0), 2 * page_size, prot_read).has_value());
    REQUIRE(machine.mm->protect(page(0), 2 * page_size, read_write).has_value());
    CHECK(machine.write(page(0)) == Kinds{});
    CHECK(machine.byte(page(0)) == std::byte{99});
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: shared pages become writable in place") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1, prot_read, map_shared | map_anonymous | map_fixed).has_value());
    machine.read(page(0));
    const Pfn pfn = machine.pte(page(0)).pfn();
    REQUIRE(machine.mm->protect(page(0), page_size, read_write).has_value());
    CHECK(machine.write(page(0)) == Kinds{});
    CHECK(machine.pte(page(0)).pfn() == pfn);
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: PROT_EXEC and back") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    machine.mm->take_effects();
    REQUIRE(machine.mm->protect(page(0), page_size, prot_read | prot_exec).has_value());
    CHECK(machine.fetch(page(0)) == Kinds{});
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(sizes(*machine.mm) == Sizes{1, 0, 1, 0, 0});
    REQUIRE(machine.mm->protect(page(0), page_size, prot_read).has_value());
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.fetch(page(0)) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: becoming writable counts as data, under RLIMIT_DATA and the promise of memory") {
    Machine machine(16);
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 17, prot_read).has_value());
    CHECK(outcome(mm.protect(page(0), 17 * page_size, read_write)) == "ENOMEM");
    CHECK(machine.layout(base_address) == Lines{"0-17 r--p"});
    mm.limits().data_bytes = 2 * page_size;
    CHECK(outcome(mm.protect(page(0), 3 * page_size, read_write)) == "ENOMEM");
    CHECK(outcome(mm.protect(page(0), 2 * page_size, read_write)) == "ok");
    CHECK(mm.vm().data == PageCount(2));
    CHECK(outcome(mm.protect(page(2), page_size, read_write)) == "ENOMEM");
    CHECK(outcome(mm.protect(page(0), page_size, prot_read)) == "ok");
    CHECK(outcome(mm.protect(page(2), page_size, read_write)) == "ok");
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: a promise that was never used is given back, one that was used is not") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    REQUIRE(machine.map(page(1), 1, prot_read).has_value());
    REQUIRE(machine.mm->protect(page(0), page_size, prot_read).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-2 r--p"});

    REQUIRE(machine.map(page(10), 1).has_value());
    machine.write(page(10));
    REQUIRE(machine.map(page(11), 1, prot_read).has_value());
    REQUIRE(machine.mm->protect(page(10), page_size, prot_read).has_value());
    CHECK(machine.layout(page(10) - 10 * page_size) == Lines{"0-2 r--p", "10-11 r--p", "11-12 r--p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: of three VMAs that cannot all be one, the lower two become one") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    REQUIRE(machine.map(page(1), 1, prot_read).has_value());
    REQUIRE(machine.map(page(2), 1, prot_read, private_anonymous | map_fixed).has_value());
    REQUIRE(machine.mm->protect(page(1), page_size, prot_read | prot_exec).has_value());
    REQUIRE(machine.mm->protect(page(2), page_size, read_write).has_value());
    machine.write(page(0));
    machine.write(page(2));
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-2 r-xp", "2-3 rw-p"});
    REQUIRE(machine.mm->protect(page(1), page_size, read_write).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p", "2-3 rw-p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("mprotect: PROT_GROWSDOWN reaches down to the start of a stack") {
    Machine machine;
    REQUIRE(machine.mm->map_stack(page(100), 4 * page_size, false).has_value());
    CHECK(outcome(machine.mm->protect(page(99), page_size, read_write | prot_exec | prot_growsdown)) == "ok");
    CHECK(machine.layout(base_address) == Lines{"96-100 rwxp"});
    CHECK(outcome(machine.mm->protect(page(90), page_size, read_write | prot_growsdown)) == "ENOMEM");
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
