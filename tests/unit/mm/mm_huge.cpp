// Large pages of anonymous memory: where they come, what splits them, fork, and what is counted.
#include "tests/unit/mm/huge_support.hpp"

namespace fl::mm {

using namespace test;

TEST_CASE("huge: a first touch brings 2 MiB with one fault, whichever page and access it is") {
    for (const emu::Access access : {emu::Access::write, emu::Access::read}) {
        HugeMachine machine;
        const PageCount free_before = machine.free_frames();
        REQUIRE(machine.map(huge(0), 512).has_value());
        CHECK(machine.touch(huge(0) + 300 * page_size + 5, access) == Kinds{FaultKind::demand_zero});
        const FaultEvent& event = machine.last_event();
        CHECK(event.page_bytes() == huge_page_bytes);
        CHECK(event.pte_before.is_none());
        CHECK(event.walk.ends_large());
        CHECK(event.pfn == event.pte_after.pfn() + 300);
        CHECK(event.tables_allocated == 3);  // pud, pmd, and the one that is kept for a split
        CHECK(machine.is_large(huge(0)));
        CHECK(machine.mm->rss().anonymous == PageCount(512));
        CHECK(machine.memory.frames().large_page_count() == 1);
        CHECK(machine.memory.huge_pages().counters.fault_alloc == 1);
        CHECK(machine.broken() == "");
        for (std::uint64_t i = 0; i < 512; ++i) {
            CHECK(machine.write(huge(0) + i * page_size).empty());
            CHECK(machine.get(huge(0) + i * page_size) == 0);
        }
        machine.number_pages(huge(0), 512);
        CHECK(machine.numbers_are(huge(0), 512));
        REQUIRE(machine.mm->unmap(huge(0), huge_page_bytes).has_value());
        CHECK(machine.free_frames() == free_before);
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("huge: not where the mode, the mapping, the process or what lies there forbids it") {
    HugeMachine machine;
    const auto comes_large = [&](VirtAddr address) {
        machine.write(address);
        CHECK(machine.broken() == "");
        return machine.is_large(address);
    };
    REQUIRE(machine.map(huge(0), 511).has_value());
    CHECK_FALSE(comes_large(huge(0)));
    REQUIRE(machine.map(huge(1) + page_size, 1022).has_value());
    CHECK_FALSE(comes_large(huge(1) + page_size));
    CHECK_FALSE(comes_large(huge(2)));
    REQUIRE(machine.map(huge(4), 512, read_write, anonymous_shared).has_value());
    CHECK_FALSE(comes_large(huge(4)));
    REQUIRE(machine.map(huge(5), 512).has_value());
    REQUIRE(machine.mm->advise(huge(5), huge_page_bytes, madv_nohugepage).has_value());
    CHECK_FALSE(comes_large(huge(5)));
    // A table is there, although no page is.
    REQUIRE(machine.mm->advise(huge(5), huge_page_bytes, madv_dontneed).has_value());
    REQUIRE(machine.mm->advise(huge(5), huge_page_bytes, madv_hugepage).has_value());
    CHECK_FALSE(comes_large(huge(5)));

    REQUIRE(machine.map(huge(6), 512).has_value());
    machine.memory.huge_pages().mode = ThpMode::madvise;
    CHECK_FALSE(comes_large(huge(6)));
    REQUIRE(machine.map(huge(7), 512).has_value());
    REQUIRE(machine.mm->advise(huge(7), huge_page_bytes, madv_hugepage).has_value());
    machine.mm->set_thp_disabled(MmStruct::ThpDisabled::yes);
    CHECK_FALSE(machine.mm->allows_huge_page(*machine.mm->vmas().find(huge(7)), huge(7)));
    machine.mm->set_thp_disabled(MmStruct::ThpDisabled::unless_advised);
    CHECK(machine.mm->is_thp_eligible(*machine.mm->vmas().find(huge(7))));
    machine.memory.huge_pages().mode = ThpMode::always;
    CHECK_FALSE(machine.mm->is_thp_eligible(*machine.mm->vmas().find(huge(6))));
    CHECK(comes_large(huge(7)));
    machine.memory.huge_pages().mode = ThpMode::never;
    CHECK_FALSE(machine.mm->is_thp_eligible(*machine.mm->vmas().find(huge(7))));
}

TEST_CASE("huge: where no block is free, or no frame for a table, memory comes in 4 KiB, or not at all") {
    HugeMachine machine(1024);
    for (std::uint64_t i = 0; i < 2; ++i) REQUIRE(machine.map(huge(i), 512).has_value());
    CHECK(machine.write(huge(0)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.is_large(huge(0)));
    // Frame 0 is the kernel's, so that the lower half is no block.
    CHECK(machine.write(huge(1)) == Kinds{FaultKind::demand_zero});
    CHECK_FALSE(machine.is_large(huge(1)));
    CHECK(machine.last_event().page_bytes() == page_size);
    CHECK(machine.memory.huge_pages().counters.fault_fallback == 1);
    CHECK(machine.broken() == "");

    for (std::uint64_t successes = 0; successes < 4; ++successes) {
        HugeMachine other;
        REQUIRE(other.map(huge(0), 512).has_value());
        const PageCount free_before = other.free_frames();
        other.memory.buddy().fail_after(successes);
        const Kinds kinds = other.write(huge(0));
        other.memory.buddy().fail_after(std::nullopt);
        CAPTURE(successes);
        // pud, pmd, block, table
        CHECK(kinds == Kinds{FaultKind::oom});
        CHECK(other.broken() == "");
        CHECK(other.write(huge(0)) == Kinds{FaultKind::demand_zero});
        REQUIRE(other.mm->unmap(huge(0), huge_page_bytes).has_value());
        CHECK(other.free_frames() == free_before);
        CHECK(other.broken() == "");
    }
}

TEST_CASE("huge: what works on a part splits the page, and no content is lost") {
    struct Part {
        const char* name;
        std::uint64_t first, count;  // pages that it is done to
        std::function<std::string(MmStruct&, VirtAddr, std::uint64_t)> act;
        bool keeps_content;
    };
    const auto advise = [](int advice) {
        return
            [advice](MmStruct& mm, VirtAddr at, std::uint64_t bytes) { return outcome(mm.advise(at, bytes, advice)); };
    };
    const std::vector<Part> parts = {
        {"munmap", 0, 100, [](MmStruct& mm, VirtAddr at, std::uint64_t bytes) { return outcome(mm.unmap(at, bytes)); },
         false},
        {"munmap the end", 500, 12,
         [](MmStruct& mm, VirtAddr at, std::uint64_t bytes) { return outcome(mm.unmap(at, bytes)); }, false},
        {"mprotect", 3, 7,
         [](MmStruct& mm, VirtAddr at, std::uint64_t bytes) { return outcome(mm.protect(at, bytes, prot_read)); },
         true},
        {"PROT_NONE", 511, 1,
         [](MmStruct& mm, VirtAddr at, std::uint64_t bytes) { return outcome(mm.protect(at, bytes, 0)); }, true},
        {"mlock", 100, 1,
         [](MmStruct& mm, VirtAddr at, std::uint64_t bytes) { return outcome(mm.lock(at, bytes, {})); }, true},
        {"MADV_DONTNEED", 17, 1, advise(madv_dontneed), false},
        {"MADV_FREE", 17, 100, advise(madv_free), true},
        {"MADV_COLD", 1, 510, advise(madv_cold), true},
        {"MADV_DONTFORK", 200, 100, advise(madv_dontfork), true},
        {"MADV_GUARD_INSTALL", 5, 5, advise(madv_guard_install), false},
        {"mremap", 10, 20,
         [](MmStruct& mm, VirtAddr at, std::uint64_t bytes) {
             const auto moved = mm.remap({.address = at,
                                          .old_bytes = bytes,
                                          .new_bytes = bytes,
                                          .flags = mremap_maymove | mremap_fixed,
                                          .new_address = huge(8)});
             return outcome(moved);
         },
         false},
    };
    for (const Part& part : parts) {
        CAPTURE(part.name);
        HugeMachine machine;
        const PageCount free_before = machine.free_frames();
        REQUIRE(machine.map(huge(0), 1024).has_value());
        machine.number_pages(huge(0), 1024);
        REQUIRE(machine.is_large(huge(0)));
        CHECK(part.act(*machine.mm, huge(0) + part.first * page_size, part.count * page_size) == "ok");
        CHECK(machine.broken() == "");
        CHECK_FALSE(machine.is_large(huge(0)));
        CHECK(machine.is_large(huge(1)));
        CHECK(machine.memory.huge_pages().counters.split_pmd == 1);
        for (std::uint64_t i = 0; i < 1024; ++i) {
            const bool is_changed = i >= part.first && i < part.first + part.count;
            if (is_changed && !part.keeps_content) continue;
            CHECK(machine.peek(huge(0) + i * page_size) == HugeMachine::number_of(i));
        }
        REQUIRE(machine.mm->unmap(huge(0), 16 * huge_page_bytes).has_value());
        CHECK(machine.free_frames() == free_before);
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("huge: what works on all of it leaves it large") {
    HugeMachine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.number_pages(huge(0), 512);
    machine.mm->take_effects();
    REQUIRE(mm.protect(huge(0), huge_page_bytes, prot_read).has_value());
    CHECK(mm.take_effects().tlb_stale);
    CHECK(machine.broken() == "");
    CHECK(machine.write(huge(0)) == Kinds{FaultKind::segv_accerr});
    REQUIRE(mm.protect(huge(0), huge_page_bytes, 0).has_value());
    CHECK(machine.broken() == "");
    CHECK(machine.read(huge(0)) == Kinds{FaultKind::segv_accerr});
    REQUIRE(mm.protect(huge(0), huge_page_bytes, read_write).has_value());
    CHECK(machine.write(huge(0) + 17 * page_size).empty());
    CHECK(machine.numbers_are(huge(0), 512));
    REQUIRE(mm.lock(huge(0), huge_page_bytes, {}).has_value());
    REQUIRE(mm.unlock(huge(0), huge_page_bytes).has_value());
    mm.clear_references(MmStruct::Pages::all);
    CHECK_FALSE(machine.pte(huge(0)).accessed());
    std::vector<std::byte> in_memory(512);
    CHECK(mm.mincore(huge(0), in_memory) == PageCount(512));
    CHECK(std::ranges::count(in_memory, std::byte{1}) == 512);
    CHECK(machine.is_large(huge(0)));
    CHECK(machine.broken() == "");

    REQUIRE(mm.advise(huge(0), huge_page_bytes, madv_dontneed).has_value());
    CHECK(mm.rss().total() == PageCount(0));
    CHECK(machine.broken() == "");
    CHECK(machine.write(huge(0)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.is_large(huge(0)));
    CHECK(machine.get(huge(0) + 300 * page_size) == 0);
    CHECK(machine.memory.huge_pages().counters.split_pmd == 0);
}

TEST_CASE("huge: a VMA never ends inside of a large page") {
    HugeMachine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(huge(0), 1024).has_value());
    machine.number_pages(huge(0), 1024);
    // The cut lies between two of them.
    REQUIRE(mm.advise(huge(1), huge_page_bytes, madv_dontdump).has_value());
    CHECK(machine.is_large(huge(0)));
    CHECK(machine.is_large(huge(1)));
    CHECK(machine.broken() == "");
    // A boundary that moves.
    REQUIRE(mm.advise(huge(0) + 500 * page_size, 12 * page_size, madv_dontdump).has_value());
    CHECK_FALSE(machine.is_large(huge(0)));
    CHECK(machine.is_large(huge(1)));
    CHECK(machine.broken() == "");
    CHECK(machine.numbers_are(huge(0), 1024));
}

TEST_CASE("huge: the processor may hold any of its 512 pages") {
    HugeMachine machine;
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.write(huge(0) + 511 * page_size);
    machine.ram.cached_translations().note_flushed();
    machine.mm->take_effects();
    // None is held: nothing to flush.
    REQUIRE(machine.mm->protect(huge(0), huge_page_bytes, prot_read).has_value());
    CHECK_FALSE(machine.mm->take_effects().tlb_stale);
    REQUIRE(machine.mm->protect(huge(0), huge_page_bytes, read_write).has_value());
    CHECK(machine.read(huge(0) + 200 * page_size).empty());
    REQUIRE(machine.mm->advise(huge(0), huge_page_bytes, madv_dontneed).has_value());
    CHECK(machine.mm->take_effects().tlb_stale);
}

TEST_CASE("huge: after fork both have the page, until one writes") {
    HugeMachine parent;
    const PageCount free_before = parent.free_frames();
    REQUIRE(parent.map(huge(0), 512).has_value());
    parent.number_pages(huge(0), 512);
    parent.mm->take_effects();
    auto forked = parent.mm->fork();
    REQUIRE(forked.has_value());
    std::unique_ptr<MmStruct> child = std::move(*forked);
    CHECK(parent.mm->take_effects().tlb_stale);
    CHECK(parent.broken({child.get()}) == "");
    const Pfn first = parent.mm->page_table().find(huge(0))->pfn();
    CHECK(child->page_table().find(huge(0))->is_large());
    CHECK(parent.memory.frames()[first].entire_map_count == 2);
    CHECK(parent.memory.frames()[first + 511].map_count == 2);
    CHECK(parent.memory.frames().large_page_count() == 1);

    parent.handler.set_mm(child.get());
    CHECK(parent.read(huge(0) + 9 * page_size).empty());
    CHECK(parent.write(huge(0) + 9 * page_size) == Kinds{FaultKind::cow});
    CHECK(parent.last_event().page_bytes() == page_size);
    CHECK(child->page_table().page_at(huge(0) + 9 * page_size).pfn() != first + 9);
    CHECK(child->page_table().page_at(huge(0) + 10 * page_size).pfn() == first + 10);
    parent.handler.set_mm(parent.mm.get());
    CHECK(parent.broken({child.get()}) == "");
    CHECK(parent.is_large(huge(0)));
    CHECK(parent.numbers_are(huge(0), 512));
    // Page 9 is the parent's alone, the others are not: it is split as well.
    CHECK(parent.write(huge(0) + 9 * page_size) == Kinds{FaultKind::cow_reuse});
    CHECK(parent.write(huge(0) + 10 * page_size) == Kinds{FaultKind::cow});
    CHECK(parent.broken({child.get()}) == "");
    child.reset();
    CHECK(parent.broken() == "");
    CHECK(parent.numbers_are(huge(0), 512));
    REQUIRE(parent.mm->unmap(huge(0), huge_page_bytes).has_value());
    CHECK(parent.free_frames() == free_before);
}

TEST_CASE("huge: who is left alone with a page after fork writes to it as a whole") {
    HugeMachine parent;
    REQUIRE(parent.map(huge(0), 512).has_value());
    parent.number_pages(huge(0), 512);
    auto child = parent.mm->fork();
    REQUIRE(child.has_value());
    child->reset();
    CHECK(parent.broken() == "");
    CHECK(parent.write(huge(0) + 77 * page_size) == Kinds{FaultKind::cow_reuse});
    CHECK(parent.last_event().page_bytes() == huge_page_bytes);
    CHECK(parent.is_large(huge(0)));
    CHECK(parent.write(huge(0) + 78 * page_size).empty());
    CHECK(parent.memory.frames()[parent.pte(huge(0)).pfn() + 500].anon_exclusive);
    CHECK(parent.broken() == "");
    CHECK(parent.numbers_are(huge(0), 512));
}

TEST_CASE("huge: a fork that finds no frame for a table changes nothing") {
    for (std::uint64_t successes = 0; successes < 5; ++successes) {
        CAPTURE(successes);
        HugeMachine parent;
        REQUIRE(parent.map(huge(0), 512).has_value());
        parent.number_pages(huge(0), 512);
        const PageCount free_before = parent.free_frames();
        parent.memory.buddy().fail_after(successes);
        const auto child = parent.mm->fork();
        parent.memory.buddy().fail_after(std::nullopt);
        // root, pud, pmd, the one that is kept
        CHECK(outcome(child) == (successes < 4 ? "ENOMEM" : "ok"));
        if (successes < 4) CHECK(parent.free_frames() == free_before);
        CHECK(parent.broken(child ? std::vector<const MmStruct*>{child->get()} : std::vector<const MmStruct*>{}) == "");
        CHECK(parent.numbers_are(huge(0), 512));
    }
}

TEST_CASE("huge: locks, rights and the kernel's own accesses reach every part") {
    HugeMachine machine;
    REQUIRE(machine.map(huge(0), 512).has_value());
    UserMemory user = machine.user();
    std::vector<std::byte> bytes(3 * page_size, std::byte{5});
    REQUIRE(user.copy_to(huge(0) + 100 * page_size + 7, bytes).has_value());
    CHECK(machine.is_large(huge(0)));
    std::vector<std::byte> back(bytes.size());
    CHECK(user.copy_from_remote(huge(0) + 100 * page_size + 7, back, Rights::obeyed) == back.size());
    CHECK(back == bytes);
    // Without the right to write, a debugger still may: into the page that is the mapping's own.
    REQUIRE(machine.mm->protect(huge(0), huge_page_bytes, prot_read).has_value());
    CHECK(user.copy_to_remote(huge(0) + 200 * page_size, bytes, Rights::overridden) == bytes.size());
    CHECK(machine.broken() == "");
    CHECK(user.copy_from_remote(huge(0) + 200 * page_size, back, Rights::obeyed) == back.size());
    CHECK(back == bytes);
    REQUIRE(machine.mm->protect(huge(0), huge_page_bytes, 0).has_value());
    CHECK(user.copy_to_remote(huge(0) + 300 * page_size, bytes, Rights::overridden) == bytes.size());
    CHECK(machine.broken() == "");
}

TEST_CASE(
    "huge: the mapping of a frame is found through a large entry, and split for whoever asks for the page alone") {
    HugeMachine machine;
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.write(huge(0));
    const Pfn pfn = machine.pte(huge(0) + 42 * page_size).pfn();
    std::vector<VirtAddr> found;
    for_each_mapping(machine.memory, pfn, [&](Vma&, VirtAddr address, emu::Pte&) { found.push_back(address); });
    CHECK(found == std::vector{huge(0) + 42 * page_size});
    machine.mm->split_large_page(huge(0) + 42 * page_size);
    CHECK(machine.broken() == "");
    CHECK(machine.pte(huge(0) + 42 * page_size).pfn() == pfn);
    CHECK(machine.memory.frames().large_page_count() == 0);
    machine.mm->split_large_page(huge(0));
    CHECK(machine.memory.huge_pages().counters.split_pmd == 1);
}

}  // namespace fl::mm
