#include "mm/fault_handler.hpp"

#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using emu::Access;
using emu::Mode;
using namespace test;

// --- anonymous memory ------------------------------------------------------------------------------------------------

TEST_CASE("fault: first write, first read, and the write after it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    const PageCount free_before = machine.free_frames();
    CHECK(machine.write(page(0)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.byte(page(0)) == std::byte{0});
    CHECK(machine.free_frames() == free_before - PageCount(4));  // three tables and the page
    CHECK(machine.write(page(0)) == Kinds{});
    CHECK(machine.read(page(0)) == Kinds{});

    CHECK(machine.read(page(1)) == Kinds{FaultKind::zero_page});
    CHECK(machine.free_frames() == free_before - PageCount(4));
    CHECK(machine.pte(page(1)).pfn() == machine.memory.zero_page());
    CHECK(machine.mm->rss().anonymous == PageCount(1));
    CHECK(machine.write(page(1)) == Kinds{FaultKind::zero_upgrade});
    CHECK(machine.pte(page(1)).pfn() != machine.memory.zero_page());
    CHECK(machine.mm->rss().anonymous == PageCount(2));
    CHECK(machine.write(page(1)) == Kinds{});
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: the zero page is shared by all, never counted and never freed") {
    Machine machine;
    REQUIRE(machine.map(page(0), 300, prot_read).has_value());
    for (std::uint64_t i = 0; i < 300; ++i) CHECK(machine.read(page(i)) == Kinds{FaultKind::zero_page});
    const Frame& zero = machine.memory.frames()[machine.memory.zero_page()];
    CHECK(zero.map_count == 0);
    CHECK(zero.reference_count == 1);
    CHECK(machine.mm->rss().total() == PageCount(0));
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->advise(page(0), 100 * page_size, madv_dontneed).has_value());
    REQUIRE(machine.mm->protect(page(100), 50 * page_size, 0).has_value());
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->unmap(page(0), 300 * page_size).has_value());
    CHECK(machine.memory.frames()[machine.memory.zero_page()].state == FrameState::zero_page);
    CHECK(machine.memory.frames()[machine.memory.zero_page()].reference_count == 1);
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: an upgrade makes the processor forget the zero page") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.read(page(0));
    const emu::PageFault fault{page(0), Access::write, Mode::user, 7};
    CHECK(machine.handler.handle_page_fault(fault) == emu::FaultOutcome::retry_tlb_stale);
    REQUIRE(machine.map(page(5), 1).has_value());
    const emu::PageFault fresh{page(5), Access::write, Mode::user, 6};
    CHECK(machine.handler.handle_page_fault(fresh) == emu::FaultOutcome::retry);
}

TEST_CASE("fault: a frame with a past comes back as zeroes") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    machine.byte(page(0) + 5) = std::byte{0x5a};
    const Pfn pfn = machine.pte(page(0)).pfn();
    REQUIRE(machine.mm->advise(page(0), page_size, madv_dontneed).has_value());
    machine.write(page(0));
    CHECK(machine.pte(page(0)).pfn() == pfn);
    CHECK(machine.byte(page(0) + 5) == std::byte{0});
}

// --- what is refused -------------------------------------------------------------------------------------------------

TEST_CASE("fault: no mapping, beyond the user half, and rights that are missing") {
    Machine machine;
    REQUIRE(machine.map(page(1), 1, prot_read).has_value());
    REQUIRE(machine.map(page(3), 1, 0).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.read(page(2)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.read(VirtAddr(0)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.read(task_size) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.write(VirtAddr(0xffff800000000000)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.handler.last_fatal() == FaultKind::segv_maperr);
    CHECK(machine.write(page(1)) == Kinds{FaultKind::segv_accerr});
    for (const Access access : {Access::read, Access::write, Access::execute}) {
        CHECK(machine.touch(page(3), access) == Kinds{FaultKind::segv_accerr});
    }
    CHECK(machine.handler.last_fatal() == FaultKind::segv_accerr);
    CHECK_FALSE(machine.handler.take_oom());
    // Nothing was brought in for them, and none of them counts as minor or major.
    CHECK(machine.mm->page_table().table_count() == PageCount(1));
    CHECK(machine.handler.counters().minor == 0);
    CHECK(machine.handler.counters().major == 0);
    CHECK(machine.handler.counters().of(FaultKind::segv_maperr) == 5);
    CHECK(machine.handler.counters().of(FaultKind::segv_accerr) == 4);
    CHECK(machine.handler.counters().total() == 9);
}

TEST_CASE("fault: running data faults twice: the page comes, then the processor refuses it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    CHECK(machine.fetch(page(0)) == Kinds{FaultKind::zero_page, FaultKind::segv_accerr});
    REQUIRE(machine.observer.events.size() == 2);
    CHECK(machine.observer.events[0].error_code == 0x14);
    CHECK(machine.observer.events[1].error_code == 0x15);
    CHECK(machine.fetch(page(0)) == Kinds{FaultKind::segv_accerr});
    // A range that may be run is run.
    REQUIRE(machine.map(page(2), 1, read_write | prot_exec).has_value());
    CHECK(machine.fetch(page(2)) == Kinds{FaultKind::zero_page});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::zero_upgrade});
    CHECK(machine.fetch(page(2)) == Kinds{});
}

TEST_CASE("fault: PROT_EXEC alone and PROT_WRITE alone can be read, as on x86") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1, prot_exec).has_value());
    REQUIRE(machine.map(page(2), 1, prot_write).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::zero_page});
    CHECK(machine.fetch(page(0)) == Kinds{});
    CHECK(machine.write(page(0)) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.read(page(2)) == Kinds{FaultKind::zero_page});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::zero_upgrade});
}

TEST_CASE("fault: an entry that allows the access already is spurious, and the TLB is told") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    const emu::Pte before = machine.pte(page(0));
    const emu::PageFault fault{page(0), Access::write, Mode::user, 7};
    CHECK(machine.handler.handle_page_fault(fault) == emu::FaultOutcome::retry_tlb_stale);
    CHECK(machine.last_event().kind == FaultKind::spurious);
    CHECK(machine.pte(page(0)) == before);
}

// --- kernel mode and events ------------------------------------------------------------------------------------------

TEST_CASE("fault: the kernel's accesses are served the same, and their effects wait for it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    CHECK(machine.touch(page(0), Access::write, Mode::kernel) == Kinds{FaultKind::demand_zero});
    CHECK(machine.last_event().mode == Mode::kernel);
    CHECK(machine.last_event().error_code == 2);
    machine.read(page(1));
    machine.mm->take_effects();
    const emu::PageFault upgrade{page(1), Access::write, Mode::kernel, 3};
    CHECK(machine.handler.handle_page_fault(upgrade) == emu::FaultOutcome::retry);
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.touch(page(7), Access::read, Mode::kernel) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.touch(task_size, Access::read, Mode::kernel) == Kinds{FaultKind::segv_maperr});
}

TEST_CASE("fault: an event says all that is known") {
    Machine machine;
    const auto file = machine.open(numbered_pages(20 * page_size), "/bin/prog");
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(16), 20, prot_read | prot_exec, file_private, file).has_value());
    machine.write(page(1) + 0x123);
    const FaultEvent first = machine.last_event();
    CHECK(first.sequence == 1);
    CHECK(first.origin.time_ns == 42);
    CHECK(first.origin.pid == 7);
    CHECK(first.origin.tid == 8);
    CHECK(first.origin.instruction == VirtAddr(0x401000));
    CHECK(first.address == page(1) + 0x123);
    CHECK(first.access == Access::write);
    CHECK(first.mode == Mode::user);
    CHECK(first.error_code == 6);
    CHECK(first.kind == FaultKind::demand_zero);
    CHECK_FALSE(first.major);
    REQUIRE(first.vma.has_value());
    CHECK(first.vma->range == VirtRange{page(0), page(2)});
    CHECK(first.vma->name == "");
    CHECK(first.pte_before.is_none());
    CHECK(first.pte_after.writable());
    CHECK(first.pfn == first.pte_after.pfn());
    CHECK(first.tables_allocated == 3);
    CHECK(first.pages_around == 0);

    machine.fetch(page(17));
    const FaultEvent second = machine.last_event();
    CHECK(second.sequence == 2);
    CHECK(second.access == Access::execute);
    CHECK(second.error_code == 0x14);
    CHECK(second.kind == FaultKind::file_major);
    CHECK(second.major);
    CHECK(second.vma->name == "/bin/prog");
    CHECK(second.vma->file == file->shared_identity());
    CHECK(second.tables_allocated == 0);
    CHECK(second.pages_around == 15);
    CHECK(second.pte_after.executable());

    machine.read(page(100));
    const FaultEvent third = machine.last_event();
    CHECK(third.sequence == 3);
    CHECK(third.kind == FaultKind::segv_maperr);
    CHECK_FALSE(third.vma.has_value());
    CHECK_FALSE(third.pfn.has_value());
    CHECK(third.pte_after.is_none());
    CHECK(third.tables_allocated == 0);
}

TEST_CASE("fault: the VMA of an event is the one after the stack has grown") {
    Machine machine;
    REQUIRE(machine.mm->map_stack(page(100), page_size, false).has_value());
    machine.write(page(98));
    CHECK(machine.last_event().vma->range == VirtRange{page(98), page(100)});
    CHECK(machine.last_event().kind == FaultKind::stack_grow);
    CHECK(machine.last_event().tables_allocated == 3);
}

TEST_CASE("fault: without an observer the counters count all the same") {
    Machine machine;
    machine.handler.observe(nullptr, nullptr);
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.write(page(0));
    machine.read(page(1));
    machine.read(page(9));
    const FaultCounters& counters = machine.handler.counters();
    CHECK(counters.of(FaultKind::demand_zero) == 1);
    CHECK(counters.of(FaultKind::zero_page) == 1);
    CHECK(counters.of(FaultKind::segv_maperr) == 1);
    CHECK(counters.minor == 2);
    CHECK(counters.total() == 3);
}

TEST_CASE("fault: pages get their VMA's family once, neighbours share it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1, read_write).has_value());
    REQUIRE(machine.map(page(1), 1, prot_read).has_value());
    REQUIRE(machine.map(page(4), 1, read_write).has_value());
    const auto family = [&](std::uint64_t index) { return machine.mm->vmas().find(page(index))->anon_vma(); };
    machine.read(page(0));
    CHECK(family(0) == nullptr);
    machine.write(page(0));
    CHECK(family(0) != nullptr);
    machine.write(page(4));
    CHECK(family(4) != family(0));
}

}  // namespace fl::mm
