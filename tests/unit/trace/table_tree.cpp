#include "trace/table_tree.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::trace;

namespace {

struct Tables {
    Tables() : ram(*emu::Ram::create(PageCount(64))), memory(ram), table(*mm::PageTable::create(memory)) {}

    void put(std::uint64_t page, emu::Pte entry) { **table.ensure(VirtAddr(page << page_shift)) = entry; }
    ~Tables() {
        const VirtRange everything{VirtAddr(0), VirtAddr(std::uint64_t{1} << 47U)};
        table.for_each_entry(everything, [this](VirtAddr, emu::Pte& entry) {
            if (entry.is_large()) table.drop_deposit();
            entry = emu::Pte::none();
        });
        table.free_tables(everything, everything);
    }

    emu::Ram ram;
    mm::PhysicalMemory memory;
    mm::PageTable table;
};

emu::Pte page_in(std::uint64_t frame, bool writable = true) {
    return emu::Pte::present(Pfn(frame), {.writable = writable, .user = true});
}

}  // namespace

TEST_CASE("an empty table has no rows") {
    Tables tables;
    const TableTree tree = table_tree(tables.table, 2);
    CHECK(tree.pid == 2);
    CHECK(tree.root == tables.table.root());
    CHECK(tree.table_count == 1);
    CHECK(tree.rows.empty());
}

TEST_CASE("entries stand below those that lead to them, like neighbours together") {
    Tables tables;
    tables.put(0x400, page_in(20));
    tables.put(0x401, page_in(21));
    tables.put(0x402, page_in(22, false));
    tables.put(0x403, page_in(30, false));
    tables.put(0x405, emu::Pte::swapped(emu::SwapSlot(5)));
    tables.put(0x406, emu::Pte::swapped(emu::SwapSlot(6)));
    tables.put(0x407, emu::Pte::guard());
    tables.put(0x408, emu::Pte::guard());
    tables.put(0x600, page_in(40));
    tables.put(0x7fffffffe, page_in(41));
    const TableTree tree = table_tree(tables.table, 2);
    CHECK(tree.table_count == tables.table.table_count().value());
    CHECK(tree.left_out == 0);

    struct Expected {
        unsigned level;
        std::uint64_t page, count;
    };
    const std::vector<Expected> expected = {
        {4, 0, 1},           {3, 0, 2},           {2, 0x400, 8},       {1, 0x400, 2},       {1, 0x402, 1},
        {1, 0x403, 1},       {1, 0x405, 2},       {1, 0x407, 2},       {2, 0x600, 1},       {1, 0x600, 1},
        {4, 0x7f8000000, 1}, {3, 0x7fffc0000, 1}, {2, 0x7fffffe00, 1}, {1, 0x7fffffffe, 1},
    };
    REQUIRE(tree.rows.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(tree.rows[i].level == expected[i].level);
        CHECK(tree.rows[i].page == expected[i].page);
        CHECK(tree.rows[i].count == expected[i].count);
    }
    const mm::PageWalk walk = tables.table.walk_to(VirtAddr(0x600000));
    CHECK(tree.rows[8].entry == walk.steps[2].entry);
    CHECK(tree.rows[9].entry == page_in(40));
}

TEST_CASE("a large page is an entry of level 2 with nothing below it") {
    Tables tables;
    tables.put(0x3ff, page_in(20));
    REQUIRE(tables.table.deposit());
    const emu::Pte large = emu::Pte::present_large(Pfn(1024), {.writable = true, .user = true});
    **tables.table.ensure_upper(VirtAddr(0x400000)) = large;
    tables.put(0x600, page_in(30));
    const TableTree tree = table_tree(tables.table, 2);
    REQUIRE(tree.rows.size() == 7);
    CHECK(tree.rows[1].count == 3);
    CHECK(tree.rows[3].page == 0x3ff);
    CHECK(tree.rows[4] == TableRow{2, 0x400, 0, large});
    CHECK(tree.rows[5].page == 0x600);
    CHECK(tree.rows[6] == TableRow{1, 0x600, 1, page_in(30)});
    // The root, two below it, two of the last level, and the one that is kept.
    CHECK(tree.table_count == 6);
}

TEST_CASE("the kernel half is not the process's") {
    Tables tables;
    tables.put(0x400, page_in(20));
    const TableTree before = table_tree(tables.table, 2);
    tables.memory.ram().table(tables.table.root())[256] = emu::Pte::present(Pfn(63), {.writable = true});
    tables.memory.ram().table(Pfn(63))[0] = emu::Pte::present(Pfn(62), {.writable = true});
    tables.memory.ram().table(Pfn(62))[0] = emu::Pte::present_large(Pfn(0), {.writable = true});
    CHECK(table_tree(tables.table, 2) == before);
}

TEST_CASE("of too many rows the rest is counted") {
    Tables tables;
    for (std::uint64_t page = 0; page < 100; ++page) tables.put(page, page_in(page % 2 == 0 ? 20 : 30));
    const TableTree tree = table_tree(tables.table, 2, 10);
    CHECK(tree.rows.size() == 10);
    CHECK(tree.left_out == 93);
    CHECK(tree.rows[2].count == 100);
}
