#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

TEST_CASE("madvise: each errno, in order") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 2).has_value());
    CHECK(outcome(mm.advise(page(0), page_size, 12345)) == "EINVAL");
    CHECK(outcome(mm.advise(page(0), page_size, 5)) == "EINVAL");
    CHECK(outcome(mm.advise(page(0) + 1, 0, madv_dontneed)) == "EINVAL");
    CHECK(outcome(mm.advise(page(0), ~std::uint64_t{0}, madv_dontneed)) == "EINVAL");
    CHECK(outcome(mm.advise(page(0), ~page_mask, madv_dontneed)) == "EINVAL");
    CHECK(outcome(mm.advise(page(0), 0, madv_dontneed)) == "ok");
    CHECK(outcome(mm.advise(page(50), 0, madv_dontneed)) == "ok");
    CHECK(outcome(mm.advise(page(50), page_size, madv_dontneed)) == "ENOMEM");
    CHECK(outcome(mm.advise(page(0), 1, madv_willneed)) == "ok");
    CHECK(outcome(mm.advise(page(0), page_size, madv_pageout)) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p"});
}

TEST_CASE("madvise: holes are passed over, and reported") {
    Machine machine;
    REQUIRE(machine.map(page(1), 1).has_value());
    REQUIRE(machine.map(page(3), 1).has_value());
    machine.write(page(1));
    machine.write(page(3));
    CHECK(outcome(machine.mm->advise(page(0), 6 * page_size, madv_dontneed)) == "ENOMEM");
    CHECK(machine.mm->rss().total() == PageCount(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("madvise: MADV_DONTNEED gives the pages back, the VMA stays") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(machine.map(page(10), 2, read_write, map_private | map_fixed, file).has_value());
    for (std::uint64_t i = 0; i < 4; ++i) machine.write(page(i));
    machine.read(page(2));
    machine.write(page(10));
    machine.byte(page(10)) = std::byte{99};
    machine.mm->take_effects();
    const PageCount free_before = machine.free_frames();
    REQUIRE(machine.mm->advise(page(1), 2 * page_size, madv_dontneed).has_value());
    REQUIRE(machine.mm->advise(page(10), page_size, madv_dontneed).has_value());
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.free_frames() == free_before + PageCount(3));
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-p", "10-12 rw-p"});
    CHECK(machine.read(page(1)) == Kinds{FaultKind::zero_page});
    CHECK(machine.read(page(0)) == Kinds{});
    // A private file page is read anew.
    CHECK(machine.read(page(10)) == Kinds{FaultKind::file_minor});
    CHECK(machine.byte(page(10)) == std::byte{1});
    CHECK(machine.broken() == "");
}

TEST_CASE("madvise: advice that becomes a flag splits, and merges when it is taken back") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 6).has_value());
    for (const auto& advice :
         {std::pair{madv_dontfork, madv_dofork}, std::pair{madv_dontdump, madv_dodump},
          std::pair{madv_wipeonfork, madv_keeponfork}, std::pair{madv_random, 0}, std::pair{madv_sequential, 0}}) {
        const int set = advice.first, clear = advice.second;
        CAPTURE(set);
        REQUIRE(mm.advise(page(2), 2 * page_size, set).has_value());
        CHECK(mm.map_count() == 3);
        CHECK(machine.broken() == "");
        REQUIRE(mm.advise(page(0), 6 * page_size, clear).has_value());
        CHECK(mm.map_count() == 1);
        CHECK(machine.broken() == "");
    }
    REQUIRE(mm.advise(page(0), page_size, madv_random).has_value());
    REQUIRE(mm.advise(page(1), page_size, madv_sequential).has_value());
    REQUIRE(mm.advise(page(0), page_size, madv_sequential).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p", "2-6 rw-p"});
}

TEST_CASE("madvise: what only private anonymous memory can have") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 1, read_write, map_private | map_fixed, file).has_value());
    REQUIRE(machine.map(page(10), 1, read_write, map_shared | map_anonymous | map_fixed).has_value());
    REQUIRE(machine.map(page(20), 1, read_write, private_anonymous | map_fixed | map_locked).has_value());
    for (const int advice : {madv_free, madv_wipeonfork}) {
        CHECK(outcome(mm.advise(page(0), page_size, advice)) == "EINVAL");
        CHECK(outcome(mm.advise(page(10), page_size, advice)) == "EINVAL");
    }
    CHECK(outcome(mm.advise(page(20), page_size, madv_wipeonfork)) == "ok");
    CHECK(outcome(mm.advise(page(20), page_size, madv_free)) == "EINVAL");
    CHECK(outcome(mm.advise(page(20), page_size, madv_dontneed)) == "EINVAL");
    CHECK(outcome(mm.advise(page(20), page_size, madv_pageout)) == "EINVAL");
    CHECK(machine.broken() == "");
}

TEST_CASE("madvise: MADV_FREE keeps the content while memory is plenty") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{5};
    REQUIRE(machine.mm->advise(page(0), page_size, madv_free).has_value());
    CHECK(machine.read(page(0)) == Kinds{});
    CHECK(machine.byte(page(0)) == std::byte{5});
}

TEST_CASE("madvise: the numbers that are advice") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    for (int advice = -3; advice < 200; ++advice) {
        CAPTURE(advice);
        const bool known =
            (advice >= 0 && advice <= 4) || (advice >= 8 && advice <= 25) || advice == 102 || advice == 103;
        // Shared memory has content to remove; nothing here is large enough to collapse.
        const bool fits = advice != madv_remove && advice != madv_collapse;
        CHECK(outcome(machine.mm->advise(page(0), page_size, advice)) == (known && fits ? "ok" : "EINVAL"));
        CHECK(outcome(machine.mm->advise(page(30), 0, advice)) == (known ? "ok" : "EINVAL"));
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("madvise: guards refuse every access, outlive MADV_DONTNEED, and end with the mapping") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 4).has_value());
    for (std::uint64_t i = 0; i < 4; ++i) machine.write(page(i));
    REQUIRE(mm.advise(page(1), 2 * page_size, madv_guard_install).has_value());
    CHECK(machine.broken() == "");
    CHECK(mm.rss().anonymous == PageCount(2));
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-p"});
    CHECK(machine.read(page(1)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.pte(page(1)).is_guard());
    REQUIRE(mm.advise(page(0), 4 * page_size, madv_dontneed).has_value());
    CHECK(machine.pte(page(1)).is_guard());
    CHECK(mm.rss().total() == PageCount(0));
    // Changing rights leaves guards alone.
    REQUIRE(mm.protect(page(0), 4 * page_size, 0).has_value());
    CHECK(machine.pte(page(2)).is_guard());
    REQUIRE(mm.protect(page(0), 4 * page_size, read_write).has_value());
    REQUIRE(mm.advise(page(1), page_size, madv_guard_remove).has_value());
    CHECK(machine.write(page(1)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.broken() == "");
    REQUIRE(mm.unmap(page(2), page_size).has_value());
    REQUIRE(machine.map(page(2), 1).has_value());
    CHECK(machine.write(page(2)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.broken() == "");
}

TEST_CASE("madvise: guards in a file mapping hide its pages and do not touch the file") {
    Machine machine;
    const auto file = machine.open(numbered_pages(4 * page_size));
    REQUIRE(machine.map(page(0), 4, read_write, map_private | map_fixed, file).has_value());
    machine.read(page(0));
    REQUIRE(machine.mm->advise(page(1), page_size, madv_guard_install).has_value());
    CHECK(machine.read(page(1)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.broken() == "");
    // The pages around another fault are mapped, the guard stays.
    REQUIRE(machine.mm->advise(page(0), page_size, madv_dontneed).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::file_minor});
    CHECK(machine.pte(page(1)).is_guard());
    REQUIRE(machine.mm->advise(page(0), 4 * page_size, madv_guard_remove).has_value());
    machine.read(page(1));
    CHECK(machine.byte(page(1)) == std::byte{2});
    CHECK(machine.broken() == "");
}

TEST_CASE("madvise: guards need page tables; without frames for them nothing has changed") {
    bool succeeded = false;
    for (std::uint64_t successes = 0; !succeeded; ++successes) {
        CAPTURE(successes);
        Machine machine;
        const std::uint64_t across_two_tables = 512 - (base_address.vpn().value() % 512) - 1;
        REQUIRE(machine.map(page(across_two_tables), 2).has_value());
        machine.memory.buddy().fail_after(successes);
        succeeded = machine.mm->advise(page(across_two_tables), 2 * page_size, madv_guard_install).has_value();
        machine.memory.buddy().fail_after(std::nullopt);
        CHECK(machine.broken() == "");
        CHECK(machine.pte(page(across_two_tables)).is_guard() == succeeded);
        CHECK(machine.pte(page(across_two_tables + 1)).is_guard() == succeeded);
        CHECK(outcome(machine.mm->advise(page(across_two_tables), 2 * page_size, madv_guard_install)) == "ok");
        CHECK(machine.broken() == "");
        REQUIRE(successes < 10);
    }
}

TEST_CASE("madvise: locked memory keeps its pages unless it is told so twice") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2, read_write, private_anonymous | map_fixed | map_locked).has_value());
    machine.write(page(0));
    for (const int advice : {madv_dontneed, madv_free, madv_cold, madv_pageout, madv_remove, madv_guard_install}) {
        CAPTURE(advice);
        CHECK(outcome(machine.mm->advise(page(0), 2 * page_size, advice)) == "EINVAL");
    }
    CHECK(machine.mm->rss().total() == PageCount(1));
    CHECK(outcome(machine.mm->advise(page(0), 2 * page_size, madv_guard_remove)) == "ok");
    CHECK(outcome(machine.mm->advise(page(0), 2 * page_size, madv_dontneed_locked)) == "ok");
    CHECK(machine.mm->rss().total() == PageCount(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("madvise: flags that set VMAs apart") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 4).has_value());
    const std::pair<int, int> pairs[] = {
        {madv_mergeable, madv_unmergeable}, {madv_hugepage, -1}, {madv_nohugepage, -1}};
    for (const auto& pair : pairs) {
        const int set = pair.first, clear = pair.second;
        CAPTURE(set);
        REQUIRE(mm.advise(page(1), page_size, set).has_value());
        CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-2 rw-p", "2-4 rw-p"});
        REQUIRE(mm.advise(page(0), 4 * page_size, clear >= 0 ? clear : set).has_value());
        CHECK(machine.layout(base_address) == Lines{"0-4 rw-p"});
        CHECK(machine.broken() == "");
    }
    // Memory that others see is never merged by content.
    REQUIRE(machine.map(page(10), 2, read_write, map_shared | map_anonymous | map_fixed).has_value());
    REQUIRE(mm.advise(page(10), page_size, madv_mergeable).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-p", "10-12 rw-s"});
}

TEST_CASE("madvise: at the limit of VMAs the answer is to try again") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const std::uint64_t pages = 2 * max_map_count;
    REQUIRE(machine.map(page(0), pages, 0).has_value());
    while (mm.map_count() + 1 < max_map_count) {
        REQUIRE(mm.advise(page(mm.map_count()), page_size, madv_dontfork).has_value());
    }
    CHECK(outcome(mm.advise(page(pages - 10), page_size, madv_dontfork)) == "EAGAIN");
    CHECK(outcome(mm.lock(page(pages - 10), page_size, VmFlags())) == "ENOMEM");
}

TEST_CASE("madvise: MADV_COLD and MADV_FREE make pages look unused, content stays") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{7};
    machine.mm->take_effects();
    REQUIRE(machine.mm->advise(page(0), page_size, madv_cold).has_value());
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK_FALSE(machine.pte(page(0)).accessed());
    CHECK(machine.pte(page(0)).dirty());
    CHECK(machine.write(page(0)) == Kinds{});
    REQUIRE(machine.mm->advise(page(0), page_size, madv_free).has_value());
    CHECK_FALSE(machine.pte(page(0)).accessed());
    CHECK_FALSE(machine.pte(page(0)).dirty());
    CHECK(machine.read(page(0)) == Kinds{});
    CHECK(machine.byte(page(0)) == std::byte{7});
    CHECK(machine.broken() == "");
}

TEST_CASE("madvise: MADV_WILLNEED reads a file into the page cache and maps nothing") {
    Machine machine;
    const auto file = machine.open(numbered_pages(3 * page_size));
    REQUIRE(machine.map(page(0), 8, prot_read, map_private | map_fixed, file).has_value());
    REQUIRE(machine.mm->advise(page(1), 7 * page_size, madv_willneed).has_value());
    CHECK(file->cached_page_count() == PageCount(2));
    CHECK(machine.mm->rss().total() == PageCount(0));
    CHECK(machine.read(page(1)) == Kinds{FaultKind::file_minor});
    CHECK(machine.broken() == "");
}

TEST_CASE("madvise: the kernel's own ranges stay in one piece") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(mm.map_special(VirtRange{page(0), page(4)}, vm_read | vm_mayread | vm_io | vm_pfnmap, {"[vvar]", nullptr})
                .has_value());
    CHECK(outcome(mm.advise(page(0), page_size, madv_dontfork)) == "EINVAL");
    CHECK(outcome(mm.advise(page(0), 4 * page_size, madv_dontfork)) == "ok");
    CHECK(outcome(mm.advise(page(0), 4 * page_size, madv_dofork)) == "EINVAL");
    CHECK(outcome(mm.advise(page(0), 4 * page_size, madv_dontneed)) == "EINVAL");
    CHECK(outcome(mm.protect(page(1), page_size, prot_read | prot_exec)) == "EACCES");
    CHECK(outcome(mm.protect(page(1), page_size, 0)) == "EINVAL");
    CHECK(outcome(mm.unmap(page(1), page_size)) == "EINVAL");
    CHECK(outcome(mm.unmap(page(3), 4 * page_size)) == "EINVAL");
    CHECK(outcome(machine.map(page(0), 1)) == "EINVAL");
    CHECK(outcome(mm.lock(page(0), 4 * page_size, VmFlags())) == "ok");
    CHECK(mm.vm().locked == PageCount(0));
    CHECK(outcome(mm.unmap(page(0), 4 * page_size)) == "ok");
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
