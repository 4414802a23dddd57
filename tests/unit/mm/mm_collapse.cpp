// MADV_COLLAPSE: 4 KiB pages gathered in a large one.
#include "tests/unit/mm/huge_support.hpp"

namespace fl::mm {

using namespace test;

namespace {

std::string collapse(HugeMachine& machine, VirtAddr at, std::uint64_t bytes = huge_page_bytes) {
    return outcome(machine.mm->advise(at, bytes, madv_collapse));
}

// So that memory comes in 4 KiB.
void come_small(HugeMachine& machine) { machine.memory.huge_pages().mode = ThpMode::never; }

}  // namespace

TEST_CASE("collapse: pages, holes and pages of zeroes become one large page, whatever the mode is") {
    HugeMachine machine;
    come_small(machine);
    REQUIRE(machine.map(huge(0), 1024).has_value());
    for (std::uint64_t i = 0; i < 512; i += 3) machine.put(huge(0) + i * page_size, HugeMachine::number_of(i));
    machine.read(huge(0) + 100 * page_size);
    const PageCount free_before = machine.free_frames();
    machine.mm->take_effects();
    CHECK(collapse(machine, huge(0)) == "ok");
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.broken() == "");
    CHECK(machine.is_large(huge(0)));
    CHECK(machine.mm->rss().anonymous == PageCount(512));
    CHECK(machine.free_frames() + PageCount(512 - 171) == free_before);
    for (std::uint64_t i = 0; i < 512; ++i) {
        CHECK(machine.get(huge(0) + i * page_size) == (i % 3 == 0 ? HugeMachine::number_of(i) : 0));
    }
    CHECK(machine.write(huge(0) + 100 * page_size).empty());
    CHECK(machine.memory.huge_pages().counters.collapse_alloc == 1);
    // Once more there is nothing to do; and where nothing is there is nothing to gather.
    CHECK(collapse(machine, huge(0)) == "ok");
    CHECK(collapse(machine, huge(1)) == "EINVAL");
    CHECK(collapse(machine, huge(0), 2 * huge_page_bytes) == "EINVAL");
    CHECK(machine.memory.huge_pages().counters.collapse_alloc == 1);
    // The table was kept: the page can be split.
    REQUIRE(machine.mm->unmap(huge(0) + 5 * page_size, page_size).has_value());
    CHECK(machine.broken() == "");
    CHECK(machine.get(huge(0) + 6 * page_size) == HugeMachine::number_of(6));
}

TEST_CASE("collapse: refused where a large page may not be, or none is free") {
    HugeMachine machine(1024);
    come_small(machine);
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(huge(0), 512).has_value());
    CHECK(collapse(machine, huge(0)) == "EINVAL");  // never written to: it has no family yet
    machine.number_pages(huge(0), 40);
    REQUIRE(mm.advise(huge(0), huge_page_bytes, madv_nohugepage).has_value());
    CHECK(collapse(machine, huge(0)) == "EINVAL");
    REQUIRE(mm.advise(huge(0), huge_page_bytes, madv_hugepage).has_value());
    mm.set_thp_disabled(MmStruct::ThpDisabled::yes);
    CHECK(collapse(machine, huge(0)) == "EINVAL");
    mm.set_thp_disabled(MmStruct::ThpDisabled::unless_advised);
    REQUIRE(mm.advise(huge(0) + 500 * page_size, page_size, madv_guard_install).has_value());
    CHECK(collapse(machine, huge(0)) == "EINVAL");
    REQUIRE(mm.advise(huge(0) + 500 * page_size, page_size, madv_guard_remove).has_value());
    const auto block = machine.memory.allocate_block(huge_page_order, FrameState::reserved, Fill::caller);
    REQUIRE(block.has_value());
    CHECK(collapse(machine, huge(0)) == "ENOMEM");
    CHECK(machine.memory.huge_pages().counters.collapse_alloc_failed == 1);
    CHECK(machine.numbers_are(huge(0), 40));
    machine.memory.release_block(*block, huge_page_order);
    CHECK(collapse(machine, huge(0)) == "ok");
    CHECK(machine.numbers_are(huge(0), 40));
    CHECK(machine.broken() == "");
}

TEST_CASE(
    "collapse: a part without a whole large page is left alone, and one within a large page is wrong, as on Linux") {
    HugeMachine machine;
    come_small(machine);
    REQUIRE(machine.map(huge(0), 1024).has_value());
    machine.number_pages(huge(0), 1024);
    constexpr std::uint64_t half = huge_page_bytes / 2;
    CHECK(collapse(machine, huge(0), half) == "ok");
    CHECK(collapse(machine, huge(0) + half, half) == "ok");
    CHECK(collapse(machine, huge(0) + half, huge_page_bytes) == "ok");
    CHECK(collapse(machine, huge(0) + half, 0) == "ok");
    CHECK(collapse(machine, huge(0) + page_size, page_size) == "EINVAL");
    CHECK(collapse(machine, huge(1) + page_size, huge_page_bytes - 2 * page_size) == "EINVAL");
    CHECK(machine.memory.huge_pages().counters.collapse_alloc == 0);
    CHECK(machine.numbers_are(huge(0), 1024));
}

TEST_CASE("collapse: what fork shares is copied, and the other side keeps its own") {
    HugeMachine machine;
    come_small(machine);
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.number_pages(huge(0), 512);
    auto child = machine.mm->fork();
    REQUIRE(child.has_value());
    CHECK(collapse(machine, huge(0)) == "ok");
    CHECK(machine.broken({child->get()}) == "");
    machine.put(huge(0) + 3 * page_size, 99);
    const emu::Pte kept = (*child)->page_table().page_at(huge(0) + 3 * page_size);
    CHECK(std::to_integer<int>(machine.ram.frame(kept.pfn())[0]) == HugeMachine::number_of(3));
    child->reset();
    CHECK(machine.broken() == "");
}

TEST_CASE("collapse: what is hidden by PROT_NONE stays hidden") {
    HugeMachine machine;
    come_small(machine);
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.number_pages(huge(0), 512);
    REQUIRE(machine.mm->protect(huge(0), huge_page_bytes, 0).has_value());
    CHECK(collapse(machine, huge(0)) == "ok");
    CHECK(machine.broken() == "");
    CHECK(machine.read(huge(0)) == Kinds{FaultKind::segv_accerr});
    REQUIRE(machine.mm->protect(huge(0), huge_page_bytes, prot_read).has_value());
    CHECK(machine.numbers_are(huge(0), 512));
}

}  // namespace fl::mm
