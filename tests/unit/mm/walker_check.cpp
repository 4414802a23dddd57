#include "mm/walker_check.hpp"

#include "tests/unit/mm/kernel_machine.hpp"

#include <cstring>

namespace fl::mm {

using namespace test;

namespace {

// A kernel half, and a user half of entries made by hand: of each kind that a page table can hold.
struct Walked : KernelMachine {
    Walked() : KernelMachine(2048), mm(make_mm()) {
        std::uint64_t next = 0;
        for (const bool writable : {false, true}) {
            for (const bool user : {false, true}) {
                for (const bool executable : {false, true}) {
                    put(next, emu::Pte::present(Pfn(100 + next), {writable, user, executable}));
                    ++next;
                }
            }
        }
        put(20, emu::Pte::present(Pfn(200), {.writable = true, .user = true}).with_prot_none());
        put(21, emu::Pte::swapped(emu::SwapSlot(5)));
        put(22, emu::Pte::guard());
        put(511, emu::Pte::present(Pfn(201), {.user = true}).with_accessed());
        REQUIRE(mm->page_table().ensure_upper(page(1024)).has_value());
        const PageWalk walk = mm->page_table().walk_to(page(1024));
        large = &ram.table(walk.steps[2].table)[walk.steps[2].index];
        *large = emu::Pte::present_large(Pfn(512), {.writable = true, .user = true});
    }
    ~Walked() {
        *large = emu::Pte::none();
        mm->page_table().for_each({VirtAddr(0), task_size},
                                  [&](VirtAddr at, const emu::Pte&) { *mm->page_table().find(at) = emu::Pte::none(); });
    }
    Walked(const Walked&) = delete;
    Walked& operator=(const Walked&) = delete;
    void put(std::uint64_t index, emu::Pte pte) { *mm->page_table().ensure(page(index)).value() = pte; }
    std::vector<std::byte> bytes() const {
        std::vector<std::byte> all(ram.page_count().bytes());
        std::memcpy(all.data(), ram.base(), all.size());
        return all;
    }

    std::unique_ptr<MmStruct> mm;
    emu::Pte* large = nullptr;
};

}  // namespace

TEST_CASE("walker check: others find what ours does, in both halves, and leave no trace") {
    Walked machine;
    REQUIRE(machine.vmalloc().allocate({.size_bytes = 3 * page_size}));
    WalkerCheck check(machine.mmu);
    CHECK(check.report().walkers.empty());
    const auto before = machine.bytes();
    check.check(machine.mm->page_table().root(), WalkedHalf::user);
    check.check(machine.mm->page_table().root(), WalkedHalf::kernel);
    CHECK(machine.bytes() == before);

    const WalkerReport& report = check.report();
    for (const std::string& line : report.disagreements) MESSAGE(line);
    CHECK(report.disagreements.empty());
    CHECK(report.spaces == 1);
    CHECK(report.user_pages == 8 + 3 + 1 + 1);
    CHECK(report.kernel_pages == 512 + 3 + 3 + 32);
    REQUIRE(report.walkers.size() == 2);
    CHECK(report.walkers[0].name == "Unicorn's MMU");
    CHECK(report.walkers[0].missing == "");
    CHECK(report.walkers[0].translations > 6 * (report.user_pages + report.kernel_pages));
    CHECK(report.walkers[1].name == "KVM");
    if (report.walkers[1].missing.empty()) {
        CHECK(report.walkers[1].translations > report.user_pages + report.kernel_pages);
    } else {
        MESSAGE("skipped: KVM: " << report.walkers[1].missing);
        CHECK(report.walkers[1].translations == 0);
    }
}

TEST_CASE("walker check: who differs is told") {
    Walked machine;
    // Beyond RAM: ours takes it for a fault, a processor would ask the bus.
    machine.put(30, emu::Pte::present(Pfn(0x100000), {.writable = true, .user = true}));
    WalkerCheck check(machine.mmu);
    check.check(machine.mm->page_table().root(), WalkedHalf::user);
    const auto& disagreements = check.report().disagreements;
    REQUIRE(disagreements.size() >= 2);
    CHECK(disagreements[0] == "read at 0x1001e0f0 in user mode: our walker finds a fault, Unicorn's MMU 0x1000000f0");
}

}  // namespace fl::mm
