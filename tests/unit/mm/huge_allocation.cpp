// Large pages where no block is free: what defrag says, compaction for them, and the background's part of it.
#include "mm/huge_allocation.hpp"

#include "tests/unit/mm/huge_support.hpp"

namespace fl::mm {

using namespace test;

namespace {

// Every other frame is free.
class Scattered : public HugeMachine {
public:
    Scattered() : HugeMachine(3060) {
        memory.huge_pages().mode = ThpMode::never;
        REQUIRE(map(page(0), 3050).has_value());
        // All tables lie below the pages.
        for (std::uint64_t index = 0; index < 3050; index += 512) put(page(index), HugeMachine::number_of(index));
        REQUIRE(map(huge(0), 4 * 512).has_value());
        REQUIRE(mm->page_table().ensure_upper(huge(0)).has_value());
        while (free_frames() > PageCount(0)) {
            put(page(count), HugeMachine::number_of(count));
            ++count;
        }
        for (std::uint64_t index = 0; index < count; index += 2) {
            REQUIRE(mm->advise(page(index), page_size, madv_dontneed).has_value());
        }
        memory.huge_pages().mode = ThpMode::always;
    }
    bool is_intact() {
        for (std::uint64_t index = 1; index < count; index += 2) {
            if (peek(page(index)) != HugeMachine::number_of(index)) return false;
        }
        return broken().empty();
    }
    void advise() const { REQUIRE(mm->advise(huge(0), 4 * huge_page_bytes, madv_hugepage).has_value()); }
    // Whether a first write brings a large page.
    bool comes_large(std::uint64_t place) {
        write(huge(place));
        return is_large(huge(place));
    }
    const CompactionCounters& counted() const { return memory.compaction().counters(); }
    ThpDefrag& defrag() { return memory.huge_pages().defrag; }
    std::uint64_t count = 0;
};

}  // namespace

TEST_CASE("defrag: who waits for a large page, and who takes 4 KiB") {
    Scattered machine;
    Vma& vma = *machine.mm->vmas().find(huge(0));
    const auto efforts = [&vma] {
        std::vector<HugeEffort> all;
        for (std::size_t i = 0; i < thp_defrag_count; ++i) {
            all.push_back(huge_effort_of_fault(static_cast<ThpDefrag>(i), vma));
        }
        return all;
    };
    using enum HugeEffort;
    CHECK((efforts() == std::vector<HugeEffort>{compact, wake_daemon, wake_daemon, take, take}));
    machine.advise();
    CHECK((efforts() == std::vector<HugeEffort>{compact, wake_daemon, compact, compact, take}));
}

TEST_CASE("defrag: memory is compacted for a large page where it says so") {
    Scattered machine;
    CHECK(machine.defrag() == ThpDefrag::madvise);
    CHECK_FALSE(machine.comes_large(0));
    machine.advise();
    machine.defrag() = ThpDefrag::never;
    CHECK_FALSE(machine.comes_large(1));
    CHECK(machine.counted().stalls == 0);
    CHECK(machine.memory.huge_pages().counters.fault_fallback == 2);
    machine.defrag() = ThpDefrag::madvise;
    CHECK(machine.comes_large(2));
    CHECK(machine.counted().stalls == 1);
    CHECK(machine.counted().successes == 1);
    CHECK(machine.memory.huge_pages().counters.fault_alloc == 1);
    CHECK(machine.is_intact());
}

TEST_CASE("defrag: MADV_COLLAPSE compacts as well, and khugepaged unless it is told not to") {
    Scattered machine;
    machine.defrag() = ThpDefrag::never;
    REQUIRE_FALSE(machine.comes_large(0));
    machine.memory.huge_pages().khugepaged.defrag = false;
    Vma& vma = *machine.mm->vmas().find(huge(0));
    CHECK(machine.mm->khugepaged_collapse(vma, huge(0)) == MmStruct::Collapse::no_memory);
    CHECK(machine.memory.huge_pages().counters.collapse_alloc_failed == 1);
    SUBCASE("khugepaged") {
        machine.memory.huge_pages().khugepaged.defrag = true;
        CHECK(machine.mm->khugepaged_collapse(vma, huge(0)) == MmStruct::Collapse::done);
    }
    SUBCASE("advice") { CHECK(outcome(machine.mm->advise(huge(0), huge_page_bytes, madv_collapse)) == "ok"); }
    CHECK(machine.is_large(huge(0)));
    CHECK(machine.is_intact());
}

TEST_CASE("defrag: where it defers, the daemon makes a block for the next one") {
    Scattered machine;
    machine.defrag() = ThpDefrag::defer;
    CHECK_FALSE(machine.comes_large(0));  // there is nobody to leave it to
    machine.memory.compaction().run_daemon();
    CHECK(machine.counted().daemon_wakes == 0);
    int woken = 0;
    machine.memory.compaction().set_daemon([&woken] { ++woken; });
    CHECK_FALSE(machine.comes_large(1));
    CHECK(woken == 1);
    machine.memory.compaction().run_daemon();
    CHECK(machine.counted().daemon_wakes == 1);
    CHECK(machine.counted().daemon_migrate_scanned > 0);
    CHECK(machine.counted().daemon_free_scanned > 0);
    // There is one now: it is not woken for another.
    machine.memory.compaction().wake_daemon(9);
    CHECK(woken == 1);
    CHECK(machine.comes_large(2));
    CHECK(machine.counted().stalls == 0);
    CHECK(machine.counted().migrated > 0);
    CHECK(machine.is_intact());
}

TEST_CASE("defrag: when kswapd goes to sleep, the daemon makes what was asked for meanwhile") {
    Scattered machine;
    int woken = 0;
    Compaction& compaction = machine.memory.compaction();
    compaction.set_daemon([&woken] { ++woken; });
    compaction.kswapd_sleeps();
    CHECK(woken == 0);
    CHECK_FALSE(machine.memory.allocate_block(3, FrameState::reserved, Fill::caller, BlockEffort::take).has_value());
    compaction.kswapd_sleeps();
    CHECK(woken == 1);
    compaction.kswapd_sleeps();
    CHECK(woken == 1);
    compaction.run_daemon();
    const auto block = machine.memory.allocate_block(3, FrameState::reserved, Fill::caller, BlockEffort::take);
    REQUIRE(block.has_value());
    machine.memory.release_block(*block, 3);
    CHECK(machine.is_intact());
}

TEST_CASE("defrag: a daemon that fails puts the next tries off, for itself and for others") {
    Scattered machine;
    Compaction& compaction = machine.memory.compaction();
    compaction.set_daemon([] {});
    // A frame of the kernel's in each block.
    std::vector<Pfn> pinned;
    for (std::uint64_t index = 1; index < machine.count; index += 2) {
        const Pfn pfn = machine.pte(page(index)).pfn();
        if (pinned.empty() || pfn.value() / 512 != pinned.back().value() / 512) {
            machine.memory.add_reference(pfn);
            pinned.push_back(pfn);
        }
    }
    compaction.wake_daemon(9);
    compaction.run_daemon();
    CHECK(machine.counted().daemon_wakes == 1);
    CHECK(machine.counted().daemon_migrate_scanned > 0);
    CHECK_FALSE(compaction.make_block(9, BlockEffort::compact));
    CHECK(machine.counted().stalls == 0);
    CHECK_FALSE(compaction.make_block(9, BlockEffort::compact));
    CHECK(machine.counted().stalls == 1);
    for (const Pfn pfn : pinned) machine.memory.release(pfn);
    CHECK(machine.is_intact());
}

}  // namespace fl::mm
