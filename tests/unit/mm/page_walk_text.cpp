#include "mm/page_walk_text.hpp"

#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;
using emu::Pte;
using emu::PteAccess;

TEST_CASE("walk: every level, as the page table has it") {
    Machine machine;
    REQUIRE(machine.map(page(3), 1));
    machine.write(page(3));
    const PageTable& table = machine.mm->page_table();
    const auto steps = walk_levels(table, page(3) + 0x123);
    REQUIRE(steps.size() == 4);
    CHECK(steps[0].table == table.root());
    for (unsigned i = 0; i < 4; ++i) {
        CHECK(steps[i].level == 4 - i);
        CHECK(steps[i].index == page(3).table_index(4 - i));
        CHECK(steps[i].entry == machine.ram.table(steps[i].table)[steps[i].index]);
        if (i > 0) CHECK(steps[i].table == steps[i - 1].entry.pfn());
    }
    CHECK(steps[3].entry == machine.pte(page(3)));
}

TEST_CASE("walk: it ends where a table is missing") {
    Machine machine;
    CHECK(walk_levels(machine.mm->page_table(), page(0)).size() == 1);
    REQUIRE(machine.map(page(0), 1));
    machine.write(page(0));
    // The next page is in the same table, the next 2 MiB are not, nor are the next 1 GiB, or 512 GiB.
    CHECK(walk_levels(machine.mm->page_table(), page(1)).size() == 4);
    CHECK(walk_levels(machine.mm->page_table(), page(512)).size() == 3);
    CHECK(walk_levels(machine.mm->page_table(), page(512 * 512)).size() == 2);
    CHECK(walk_levels(machine.mm->page_table(), page(512ULL * 512 * 512)).size() == 1);
}

TEST_CASE("walk: the last level is read whether or not a page is there") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2));
    machine.write(page(0));
    const auto steps = walk_levels(machine.mm->page_table(), page(1));
    REQUIRE(steps.size() == 4);
    CHECK(steps.back().entry == Pte::none());
}

TEST_CASE("pte text: what each bit and each kind is called") {
    const Pte plain = Pte::present(Pfn(5), {.writable = true, .user = true, .executable = true});
    CHECK(pte_text(plain) == "P W U");
    CHECK(pte_text(Pte::present(Pfn(5), {})) == "P NX");
    CHECK(pte_text(plain.with_accessed().with_dirty()) == "P W U A D");
    CHECK(pte_text(plain.with_write_protection()) == "P U uffd_wp");
    CHECK(pte_text(plain.with_accessed().with_prot_none()) == "U A prot_none");
    CHECK(pte_text(Pte::from_raw(plain.raw() | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 8)) == "P W U PWT PCD PS G");
    CHECK(pte_text(Pte::none()) == "none");
    CHECK(pte_text(Pte::swapped(SwapSlot(7))) == "swap slot 7");
    CHECK(pte_text(Pte::swapped(SwapSlot(7), true)) == "swap slot 7, exclusive");
    CHECK(pte_text(Pte::guard()) == "guard");
    CHECK(pte_text(Pte::write_protected()) == "no page, uffd_wp");
    CHECK(pte_text(Pte::poisoned()) == "poisoned");
}

TEST_CASE("pte letters: as in the trace") {
    const Pte plain = Pte::present(Pfn(5), {.writable = true, .user = true, .executable = true});
    CHECK(pte_letters(plain) == "PWU--X");
    CHECK(pte_letters(plain.with_accessed().with_dirty()) == "PWUADX");
    CHECK(pte_letters(Pte::present(Pfn(5), {})) == "P-----");
    CHECK(pte_letters(plain.with_prot_none()) == "N-U--X");
    CHECK(pte_letters(Pte::none()) == "------");
    CHECK(pte_letters(Pte::swapped(SwapSlot(1))) == "swap");
    CHECK(pte_letters(Pte::guard()) == "guard");
}

TEST_CASE("level names: Linux's, from the leaf up") {
    CHECK(std::string(level_name(1)) == "pte");
    CHECK(std::string(level_name(2)) == "pmd");
    CHECK(std::string(level_name(3)) == "pud");
    CHECK(std::string(level_name(4)) == "pgd");
}

}  // namespace fl::mm
