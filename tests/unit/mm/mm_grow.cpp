#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

namespace {

struct HeapMachine : Machine {
    explicit HeapMachine(VirtAddr start = base_address, std::uint64_t frames = 512) : Machine(frames) {
        mm->set_start_brk(start);
    }
};

ImageBounds stack_at(VirtAddr start_stack) {
    ImageBounds bounds;
    bounds.start_stack = start_stack;
    return bounds;
}

}  // namespace

// --- brk -------------------------------------------------------------------------------------------------------------

TEST_CASE("brk: returns at once; each page arrives with its first touch") {
    HeapMachine machine;
    MmStruct& mm = *machine.mm;
    CHECK(mm.set_brk(VirtAddr(0)) == page(0));
    CHECK(mm.map_count() == 0);
    CHECK(mm.set_brk(page(2)) == page(2));
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p"});
    CHECK(mm.vma_name(*mm.vmas().first()) == "[heap]");
    CHECK(mm.rss().total() == PageCount(0));
    CHECK(machine.write(page(0)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.write(page(1)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::segv_maperr});
    CHECK(mm.rss().total() == PageCount(2));
    CHECK(machine.broken() == "");
}

TEST_CASE("brk: inside one page nothing is mapped or unmapped") {
    HeapMachine machine(base_address + 0x123);
    MmStruct& mm = *machine.mm;
    // The first page's rest belongs to bss.
    CHECK(mm.set_brk(base_address + 0x200) == base_address + 0x200);
    CHECK(mm.map_count() == 0);
    CHECK(mm.set_brk(page(1)) == page(1));
    CHECK(mm.map_count() == 0);
    CHECK(mm.set_brk(page(1) + 1) == page(1) + 1);
    CHECK(machine.layout(base_address) == Lines{"1-2 rw-p"});
    CHECK(mm.set_brk(page(2)) == page(2));
    CHECK(machine.layout(base_address) == Lines{"1-2 rw-p"});
    CHECK(mm.set_brk(page(5) + 7) == page(5) + 7);
    CHECK(machine.layout(base_address) == Lines{"1-6 rw-p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("brk: shrinking frees the pages, and growing again gives zeroes") {
    HeapMachine machine;
    MmStruct& mm = *machine.mm;
    mm.set_brk(page(4));
    for (std::uint64_t i = 0; i < 4; ++i) {
        machine.write(page(i));
        machine.byte(page(i)) = std::byte{0xee};
    }
    CHECK(mm.set_brk(page(1) + 1) == page(1) + 1);
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p"});
    CHECK(mm.rss().anonymous == PageCount(2));
    CHECK(mm.take_effects().tlb_stale);
    CHECK(machine.broken() == "");
    mm.set_brk(page(4));
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-p"});
    CHECK(machine.read(page(2)) == Kinds{FaultKind::zero_page});
    CHECK(machine.byte(page(1)) == std::byte{0xee});
    CHECK(mm.set_brk(page(0)) == page(0));
    CHECK(mm.map_count() == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("brk: a refusal answers the old break and changes nothing") {
    HeapMachine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(mm.set_brk(page(2)) == page(2));
    SUBCASE("below its start") { CHECK(mm.set_brk(base_address - 1) == page(2)); }
    SUBCASE("beyond the user half") {
        CHECK(mm.set_brk(task_size) == page(2));
        CHECK(mm.set_brk(VirtAddr(~std::uint64_t{0})) == page(2));
        CHECK(mm.set_brk(task_size - 1) == page(2));
    }
    SUBCASE("RLIMIT_DATA, the image's data included") {
        ImageBounds bounds;
        bounds.start_data = VirtAddr(0x1000);
        bounds.end_data = VirtAddr(0x1000 + page_size);
        mm.set_bounds(bounds);
        mm.limits().data_bytes = 3 * page_size;
        CHECK(mm.set_brk(page(2) + 1) == page(2));
        mm.limits().data_bytes = 3 * page_size + 1;
        CHECK(mm.set_brk(page(2) + 2) == page(2));
        CHECK(mm.set_brk(page(2) + 1) == page(2) + 1);
        CHECK(mm.set_brk(page(2)) == page(2));
    }
    SUBCASE("RLIMIT_AS") {
        mm.limits().address_space_bytes = 3 * page_size;
        CHECK(mm.set_brk(page(4)) == page(2));
        CHECK(mm.set_brk(page(3)) == page(3));
        CHECK(mm.set_brk(page(2)) == page(2));
    }
    SUBCASE("more than all of memory") { CHECK(mm.set_brk(page(2 + 513)) == page(2)); }
    SUBCASE("a mapping in the way, or a page before it") {
        REQUIRE(machine.map(page(5), 1).has_value());
        CHECK(mm.set_brk(page(6)) == page(2));
        CHECK(mm.set_brk(page(5)) == page(2));
        CHECK(mm.set_brk(page(4) + 1) == page(2));
        CHECK(mm.set_brk(page(4)) == page(4));
        REQUIRE(mm.unmap(page(5), page_size).has_value());
        CHECK(mm.set_brk(page(2)) == page(2));
    }
    SUBCASE("the guard of a stack") {
        REQUIRE(mm.map_stack(page(400), page_size, false).has_value());
        CHECK(mm.set_brk(page(399 - 256)) == page(2));
        CHECK(mm.set_brk(page(399 - 257)) == page(399 - 257));
        REQUIRE(mm.unmap(page(399), page_size).has_value());
        CHECK(mm.set_brk(page(2)) == page(2));
    }
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("brk: the heap joins neither the bss below it nor the mapping above") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(mm.map_bss(VirtRange{page(0), page(2)}, false).has_value());
    mm.set_start_brk(page(2));
    CHECK(mm.set_brk(page(4)) == page(4));
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p", "2-4 rw-p"});
    CHECK(mm.set_brk(page(6)) == page(6));
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p", "2-6 rw-p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("brk: the heap joins a mapping that was laid over its start") {
    HeapMachine machine;
    REQUIRE(machine.mm->set_brk(page(2)) == page(2));
    REQUIRE(machine.map(base_address - 2 * page_size, 4).has_value());
    REQUIRE(machine.mm->set_brk(page(4)) == page(4));
    CHECK(machine.layout(base_address - 2 * page_size) == Lines{"0-6 rw-p"});
    CHECK(machine.broken() == "");
}

// --- exec's part
// -------------------------------------------------------------------------------------------------------

TEST_CASE("bss: joins anonymous memory below it, must not overlap, and may be empty") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    CHECK(outcome(mm.map_bss(VirtRange{page(0), page(0)}, false)) == "ok");
    CHECK(outcome(mm.map_bss(VirtRange{page(0), page(2)}, false)) == "ok");
    CHECK(outcome(mm.map_bss(VirtRange{page(2), page(3)}, false)) == "ok");
    CHECK(outcome(mm.map_bss(VirtRange{page(3), page(4)}, true)) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-3 rw-p", "3-4 rwxp"});
    CHECK(outcome(mm.map_bss(VirtRange{page(3), page(9)}, false)) == "ENOMEM");
    CHECK(outcome(mm.map_bss(VirtRange{task_size - page_size, task_size + page_size}, false)) == "ENOMEM");
    CHECK(outcome(mm.map_bss(VirtRange{page(10), page(10 + 65)}, false)) == "ENOMEM");
    mm.limits().address_space_bytes = 5 * page_size;
    CHECK(outcome(mm.map_bss(VirtRange{page(10), page(12)}, false)) == "ENOMEM");
    CHECK(machine.broken() == "");
}

TEST_CASE("special mappings lie in the mmap area, have a name and nothing behind them") {
    Machine machine;
    const auto at = machine.mm->find_free_range(2 * page_size);
    REQUIRE(at.has_value());
    REQUIRE(machine.mm->map_special(VirtRange{*at, *at + 2 * page_size}, vm_read | vm_mayread, {"[vvar]", nullptr})
                .has_value());
    CHECK(*at == machine.mm->mmap_base() - 2 * page_size);
    CHECK(machine.mm->vma_name(*machine.mm->vmas().first()) == "[vvar]");
    CHECK(machine.read(*at) == Kinds{FaultKind::sigbus});
    CHECK(machine.write(*at) == Kinds{FaultKind::segv_accerr});
    CHECK(outcome(machine.mm->protect(*at, page_size, prot_read | prot_write)) == "EACCES");
    CHECK(outcome(machine.mm->advise(*at, page_size, 17)) == "EINVAL");  // MADV_DODUMP
    CHECK(machine.broken() == "");
}

// --- stack
// -------------------------------------------------------------------------------------------------------------

TEST_CASE("stack: grows page by page down to its limit") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    mm.limits().stack_bytes = 16 * page_size;
    REQUIRE(mm.map_stack(page(1000), 2 * page_size, false).has_value());
    mm.set_bounds(stack_at(page(1000) - 64));
    CHECK(mm.vma_name(*mm.vmas().first()) == "[stack]");
    CHECK(sizes(mm) == Sizes{2, 0, 0, 2, 0});
    CHECK(machine.write(page(999)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.write(page(997)) == Kinds{FaultKind::stack_grow});
    CHECK(machine.layout(base_address) == Lines{"997-1000 rw-p"});
    CHECK(machine.read(page(998)) == Kinds{FaultKind::zero_page});
    CHECK(machine.read(page(996)) == Kinds{FaultKind::stack_grow});
    CHECK(machine.pte(page(996)).pfn() == machine.memory.zero_page());
    // A far jump is as good as a small step.
    CHECK(machine.write(page(984)) == Kinds{FaultKind::stack_grow});
    CHECK(sizes(mm) == Sizes{16, 0, 0, 16, 0});
    CHECK(machine.write(page(984) - 1) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.layout(base_address) == Lines{"984-1000 rw-p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("stack: keeps its guard to what lies below, unless that is hidden or a stack itself") {
    Machine machine(1024);
    MmStruct& mm = *machine.mm;
    REQUIRE(mm.map_stack(page(1000), page_size, false).has_value());
    SUBCASE("a readable mapping") {
        REQUIRE(machine.map(page(600), 1, prot_read).has_value());
        CHECK(machine.write(page(601 + 255)) == Kinds{FaultKind::segv_maperr});
        CHECK(machine.write(page(601 + 256)) == Kinds{FaultKind::stack_grow});
        CHECK(machine.write(page(601 + 255)) == Kinds{FaultKind::segv_maperr});
    }
    SUBCASE("a hidden one, as thread libraries use for guards of their own") {
        REQUIRE(machine.map(page(600), 1, 0).has_value());
        CHECK(machine.write(page(601)) == Kinds{FaultKind::stack_grow});
        CHECK(machine.write(page(600)) == Kinds{FaultKind::segv_accerr});
    }
    SUBCASE("another stack") {
        REQUIRE(machine.map(page(600), 1, test::read_write, private_anonymous | map_fixed | map_growsdown).has_value());
        machine.write(page(600));
        CHECK(machine.write(page(601)) == Kinds{FaultKind::stack_grow});
        CHECK(machine.broken() == "");
    }
    SUBCASE("another stack that was never used") {
        REQUIRE(machine.map(page(600), 1, test::read_write, private_anonymous | map_fixed | map_growsdown).has_value());
        CHECK(machine.write(page(601)) == Kinds{FaultKind::stack_grow});
        CHECK(machine.broken() == "");
    }
    CHECK(machine.broken() == "");
}

TEST_CASE("stack: growth is under RLIMIT_AS and mmap_min_addr") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(mm.map_stack(mmap_min_addr + 4 * page_size, page_size, false).has_value());
    CHECK(machine.write(mmap_min_addr - 1) == Kinds{FaultKind::segv_maperr});
    mm.limits().address_space_bytes = 3 * page_size;
    CHECK(machine.write(mmap_min_addr) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.write(mmap_min_addr + page_size) == Kinds{FaultKind::stack_grow});
    CHECK(machine.broken() == "");
}

TEST_CASE("stack: the kernel's own accesses make it grow too") {
    Machine machine;
    REQUIRE(machine.mm->map_stack(page(1000), page_size, false).has_value());
    CHECK(machine.touch(page(998), emu::Access::write, emu::Mode::kernel) == Kinds{FaultKind::stack_grow});
    CHECK(machine.layout(base_address) == Lines{"998-1000 rw-p"});
}

TEST_CASE("stack: what exec asks of it") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    CHECK(outcome(mm.map_stack(stack_top, 1, true)) == "ok");
    CHECK(mm.vmas().first()->range() == VirtRange{stack_top - page_size, stack_top});
    CHECK(protection_string(mm.vmas().first()->flags()) == "rwxp");
    CHECK(outcome(mm.map_stack(stack_top, page_size, false)) == "ENOMEM");
    mm.limits().address_space_bytes = 2 * page_size;
    CHECK(outcome(mm.map_stack(page(1000), 2 * page_size, false)) == "ENOMEM");
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
