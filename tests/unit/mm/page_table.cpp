#include "mm/page_table.hpp"

#include "tests/unit/mm/machine.hpp"

#include <random>
#include <set>

namespace fl::mm {

namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;
constexpr VirtRange everything{VirtAddr(0), VirtAddr(0x800000000000)};

struct Tables {
    explicit Tables(std::uint64_t frames = 64)
        : ram(test::make_ram(frames)), memory(ram), table(PageTable::create(memory).value()) {}

    void put(VirtAddr at, std::uint64_t mark) {
        emu::Pte* slot = table.ensure(at).value();
        *slot = emu::Pte::present(Pfn(mark), {.writable = true, .user = true});
    }
    void clear(VirtAddr at) const { *table.find(at) = emu::Pte::none(); }
    std::vector<std::uint64_t> marks(VirtRange range) const {
        std::vector<std::uint64_t> found;
        table.for_each(range, [&](VirtAddr, const emu::Pte& pte) { found.push_back(pte.pfn().value()); });
        return found;
    }
    std::uint64_t scanned_tables() const {
        std::uint64_t count = 0;
        table.for_each_table([&](Pfn, VirtRange) { ++count; });
        return count;
    }

    emu::Ram ram;
    PhysicalMemory memory;
    PageTable table;
};

using Marks = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("page table: an empty one is its root") {
    Tables tables;
    CHECK(tables.table.table_count() == PageCount(1));
    CHECK(tables.scanned_tables() == 1);
    CHECK(tables.table.find(VirtAddr(0x400000)) == nullptr);
    CHECK(tables.marks(everything).empty());
}

TEST_CASE("page table: ensure adds the missing tables, and only those") {
    Tables tables;
    const auto count_after = [&](std::uint64_t address) {
        REQUIRE(tables.table.ensure(VirtAddr(address)).has_value());
        CHECK(tables.scanned_tables() == tables.table.table_count().value());
        return tables.table.table_count().value();
    };
    CHECK(count_after(0x400000) == 4);
    CHECK(count_after(0x400000) == 4);
    CHECK(count_after(0x401000) == 4);
    CHECK(count_after(0x5ff000) == 4);    // the last page of the same PTE table
    CHECK(count_after(0x600000) == 5);    // the next PTE table
    CHECK(count_after(gib) == 7);         // the next PMD
    CHECK(count_after(512 * gib) == 10);  // the next PUD
    CHECK(count_after(0x7fffffffe000) == 13);
}

TEST_CASE("page table: find and ensure give the same entry, the one that the processor walks to") {
    Tables tables;
    const VirtAddr at(0x7f1234567000);
    emu::Pte* slot = tables.table.ensure(at).value();
    CHECK(slot->is_none());
    CHECK(tables.table.find(at) == slot);
    CHECK(tables.table.find(at + 0xfff) == slot);
    CHECK(tables.table.find(at + page_size) == slot + 1);
    *slot = emu::Pte::present(Pfn(9), {.writable = true, .user = true, .executable = true});
    emu::Mmu mmu(tables.ram);
    CHECK(mmu.translate(tables.table.root(), at, emu::Access::write, emu::Mode::user)->pfn == Pfn(9));
    CHECK(mmu.translate(tables.table.root(), at, emu::Access::execute, emu::Mode::user)->pfn == Pfn(9));
    *slot = emu::Pte::none();
}

TEST_CASE("page table: for_each visits what lies in the range, in order, across all boundaries") {
    Tables tables;
    const std::vector<VirtAddr> places = {
        VirtAddr(0),   VirtAddr(2 * mib - page_size),   VirtAddr(2 * mib),   VirtAddr(gib - page_size),
        VirtAddr(gib), VirtAddr(512 * gib - page_size), VirtAddr(512 * gib), VirtAddr(0x7fffffffe000)};
    for (std::size_t i = 0; i < places.size(); ++i) tables.put(places[i], i + 1);
    CHECK(tables.marks(everything) == Marks{1, 2, 3, 4, 5, 6, 7, 8});
    for (std::size_t from = 0; from < places.size(); ++from) {
        for (std::size_t to = from; to < places.size(); ++to) {
            Marks inside;
            for (std::size_t i = from; i < to; ++i) inside.push_back(i + 1);
            CHECK(tables.marks(VirtRange{places[from], places[to]}) == inside);
            inside.push_back(to + 1);
            CHECK(tables.marks(VirtRange{places[from], places[to] + page_size}) == inside);
        }
    }
    std::vector<VirtAddr> seen;
    tables.table.for_each(everything, [&](VirtAddr at, const emu::Pte&) { seen.push_back(at); });
    CHECK(seen == places);
    for (const VirtAddr at : places) tables.clear(at);
}

TEST_CASE("page table: free_tables frees exactly the tables without a neighbour") {
    Tables tables;
    const VirtRange unmapped{VirtAddr(4 * mib), VirtAddr(6 * mib)};
    tables.put(VirtAddr(4 * mib - page_size), 1);
    REQUIRE(tables.table.ensure(VirtAddr(4 * mib)).has_value());
    tables.put(VirtAddr(6 * mib), 2);
    CHECK(tables.table.table_count() == PageCount(6));

    SUBCASE("nothing while a VMA reaches into the table") {
        tables.table.free_tables(unmapped, VirtRange{VirtAddr(4 * mib + page_size), VirtAddr(6 * mib)});
        CHECK(tables.table.table_count() == PageCount(6));
        tables.table.free_tables(unmapped, VirtRange{VirtAddr(4 * mib), VirtAddr(6 * mib - page_size)});
        CHECK(tables.table.table_count() == PageCount(6));
    }
    SUBCASE("the PTE table in between, not those of the neighbours") {
        tables.table.free_tables(unmapped, unmapped);
        CHECK(tables.table.table_count() == PageCount(5));
        CHECK(tables.table.find(VirtAddr(4 * mib)) == nullptr);
        CHECK(tables.marks(everything) == Marks{1, 2});
    }
    SUBCASE("one page that was unmapped takes its whole table with it") {
        tables.table.free_tables(VirtRange{VirtAddr(5 * mib), VirtAddr(5 * mib + page_size)}, unmapped);
        CHECK(tables.table.table_count() == PageCount(5));
    }
    SUBCASE("no table outside of the range, even where the limits would allow it") {
        tables.clear(VirtAddr(6 * mib));
        tables.table.free_tables(unmapped, VirtRange{VirtAddr(4 * mib), VirtAddr(gib)});
        CHECK(tables.table.table_count() == PageCount(5));
        CHECK(tables.table.find(VirtAddr(6 * mib)) != nullptr);
    }
    SUBCASE("an empty range frees nothing") {
        tables.table.free_tables(VirtRange{VirtAddr(4 * mib), VirtAddr(4 * mib)}, everything);
        CHECK(tables.table.table_count() == PageCount(6));
    }
    CHECK(tables.scanned_tables() == tables.table.table_count().value());
    CHECK(tables.memory.used_page_count() == tables.table.table_count() + PageCount(2));
    for (const VirtAddr at : {VirtAddr(4 * mib - page_size), VirtAddr(6 * mib)}) {
        if (tables.table.find(at) != nullptr) tables.clear(at);
    }
}

TEST_CASE("page table: free_tables frees upper tables with all that is below them") {
    Tables tables;
    REQUIRE(tables.table.ensure(VirtAddr(gib)).has_value());
    REQUIRE(tables.table.ensure(VirtAddr(gib + 8 * mib)).has_value());
    REQUIRE(tables.table.ensure(VirtAddr(3 * gib)).has_value());
    REQUIRE(tables.table.ensure(VirtAddr(600 * gib)).has_value());
    CHECK(tables.table.table_count() == PageCount(10));
    // Two gigabytes in the middle: one PMD with its two PTE tables.
    tables.table.free_tables(VirtRange{VirtAddr(gib), VirtAddr(2 * gib)}, VirtRange{VirtAddr(gib), VirtAddr(3 * gib)});
    CHECK(tables.table.table_count() == PageCount(7));
    // All of the first 512 GiB: the PUD as well.
    tables.table.free_tables(VirtRange{VirtAddr(3 * gib), VirtAddr(4 * gib)},
                             VirtRange{VirtAddr(0), VirtAddr(512 * gib)});
    CHECK(tables.table.table_count() == PageCount(4));
    tables.table.free_tables(everything, everything);
    CHECK(tables.table.table_count() == PageCount(1));
    CHECK(tables.scanned_tables() == 1);
    CHECK(tables.memory.used_page_count() == PageCount(3));
}

TEST_CASE("page table: random tables freed agree with a naive list of 2 MiB slots") {
    std::mt19937_64 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same ones in every run
    for (int round = 0; round < 60; ++round) {
        Tables tables(256);
        std::set<std::uint64_t> present;  // slots of 2 MiB that have a PTE table
        for (int i = 0; i < 12; ++i) {
            const std::uint64_t slot = random() % 2000;
            present.insert(slot);
            REQUIRE(tables.table.ensure(VirtAddr(slot * 2 * mib + random() % 512 * page_size)).has_value());
        }
        std::uint64_t low = random() % 2000;
        std::uint64_t high = random() % 2000;
        if (low > high) std::swap(low, high);
        ++high;
        const VirtRange range{VirtAddr(low * 2 * mib), VirtAddr(high * 2 * mib)};
        tables.table.free_tables(range, range);
        std::set<std::uint64_t> upper;  // gigabytes that have a PMD
        std::uint64_t expected = 2;
        for (const std::uint64_t slot : present) {
            const bool freed = slot >= low && slot < high;
            CHECK((tables.table.find(VirtAddr(slot * 2 * mib)) == nullptr) == freed);
            const std::uint64_t gigabyte = slot / 512;
            const bool pmd_freed = gigabyte * 512 >= low && (gigabyte + 1) * 512 <= high;
            if (!freed) ++expected;
            if (!pmd_freed) upper.insert(gigabyte);
        }
        CHECK(tables.table.table_count() == PageCount(expected + upper.size()));
        CHECK(tables.scanned_tables() == tables.table.table_count().value());
    }
}

TEST_CASE("page table: running out of frames in the middle leaves empty tables, all of them counted") {
    for (std::uint64_t successes = 0; successes < 3; ++successes) {
        Tables tables;
        tables.memory.buddy().fail_after(successes);
        CHECK(test::outcome(tables.table.ensure(VirtAddr(0x400000))) == "ENOMEM");
        CHECK(tables.table.table_count() == PageCount(1 + successes));
        CHECK(tables.scanned_tables() == 1 + successes);
        CHECK(tables.table.find(VirtAddr(0x400000)) == nullptr);
        tables.memory.buddy().fail_after(std::nullopt);
        CHECK(tables.table.ensure(VirtAddr(0x400000)).has_value());
        CHECK(tables.table.table_count() == PageCount(4));
    }
    emu::Ram ram = test::make_ram(8);
    PhysicalMemory memory(ram);
    memory.buddy().fail_after(0);
    CHECK_FALSE(PageTable::create(memory).has_value());
}

TEST_CASE("page table: all tables go back when it ends, and an entry that is left is caught") {
    emu::Ram ram = test::make_ram(64);
    PhysicalMemory memory(ram);
    const PageCount free_before = memory.buddy().free_page_count();
    {
        PageTable table = PageTable::create(memory).value();
        for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(table.ensure(VirtAddr(i * 100 * gib)).has_value());
        PageTable moved = std::move(table);
        CHECK(memory.buddy().free_page_count() < free_before);
    }
    CHECK(memory.buddy().free_page_count() == free_before);
    CHECK(test::asserts([&] {
        PageTable table = PageTable::create(memory).value();
        *table.ensure(VirtAddr(0x1000)).value() = emu::Pte::present(Pfn(5), {});
    }));
}

}  // namespace fl::mm
