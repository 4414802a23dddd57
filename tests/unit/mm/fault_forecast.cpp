#include "mm/fault_handler.hpp"

#include "tests/unit/mm/machine.hpp"

#include <array>
#include <string>

namespace fl::mm {

using namespace test;
using emu::Access;

namespace {

constexpr std::array accesses{Access::read, Access::write, Access::execute};

// One of each situation that an address of a process can be in.
struct Situations {
    Machine machine{256};
    std::vector<VirtAddr> addresses;

    Situations() {
        MmStruct& mm = *machine.mm;
        const auto add = [this](std::uint64_t index) { addresses.push_back(page(index) + 0x10); };
        const auto file = machine.open(numbered_pages(3 * page_size));
        REQUIRE(machine.map(page(0), 4));  // untouched, read, written, guard
        machine.read(page(1));
        machine.write(page(2));
        REQUIRE(mm.advise(page(3), page_size, madv_guard_install).has_value());
        for (std::uint64_t i = 0; i < 5; ++i) add(i);                                  // the last has no mapping
        REQUIRE(machine.map(page(10), 4, prot_read | prot_exec, file_private, file));  // with one page past the end
        REQUIRE(machine.map(page(20), 4, read_write, file_private, file));
        REQUIRE(machine.map(page(30), 4, read_write, file_shared, file));
        for (const std::uint64_t first : {10ULL, 20ULL, 30ULL}) {
            add(first);
            add(first + 2);
            add(first + 3);
        }
        machine.read(page(30));
        REQUIRE(machine.map(page(40), 2, 0));  // PROT_NONE, the second with a page behind it
        REQUIRE(machine.map(page(42), 2));
        machine.write(page(42));
        REQUIRE(mm.protect(page(42), page_size, 0).has_value());
        add(40);
        add(42);
        REQUIRE(mm.map_stack(stack_top, 2 * page_size, false).has_value());
        addresses.push_back(stack_top - page_size);
        addresses.push_back(stack_top - 5 * page_size);
        addresses.push_back(stack_top - (9ULL << 20));  // beyond the limit
        addresses.push_back(task_size);
    }
};

}  // namespace

TEST_CASE("forecast: what the next access does, and nothing changes by asking") {
    const std::size_t count = Situations().addresses.size();
    for (std::size_t i = 0; i < count; ++i) {
        for (const Access access : accesses) {
            Situations fresh;
            const VirtAddr address = fresh.addresses[i];
            CAPTURE(address);
            CAPTURE(static_cast<int>(access));
            const Lines layout = fresh.machine.layout();
            const std::size_t faults = fresh.machine.observer.events.size();
            const auto expected = fresh.machine.handler.forecast(*fresh.machine.mm, address, access);
            CHECK(fresh.machine.layout() == layout);
            CHECK(fresh.machine.observer.events.size() == faults);
            const Kinds kinds = fresh.machine.touch(address, access);
            if (expected) {
                REQUIRE(!kinds.empty());
                CHECK(kinds.front() == *expected);
            } else {
                CHECK(kinds.empty());
            }
        }
    }
}

TEST_CASE("forecast: after a fork, who shares a page copies it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1));
    machine.write(page(0));
    {
        auto child = machine.mm->fork();
        REQUIRE(child.has_value());
        CHECK(machine.handler.forecast(*machine.mm, page(0), Access::read) == std::nullopt);
        CHECK(machine.handler.forecast(*machine.mm, page(0), Access::write) == FaultKind::cow);
        CHECK(machine.handler.forecast(**child, page(0), Access::write) == FaultKind::cow);
    }
    CHECK(machine.handler.forecast(*machine.mm, page(0), Access::write) == FaultKind::cow_reuse);
}

namespace {

class Announcements final : public FaultObserver {
public:
    void before_fault(std::uint64_t sequence, const MmStruct& mm, VirtAddr address) override {
        announced = sequence;
        const emu::Pte* slot = mm.page_table().find(address);
        was_empty = slot == nullptr || slot->is_none();
    }
    void on_fault(const FaultEvent& event) override { reported = event.sequence; }

    std::uint64_t announced = 0, reported = 0;
    bool was_empty = false;
};

}  // namespace

TEST_CASE("before a fault: its number, and the page table as it still is") {
    Machine machine;
    Announcements observer;
    machine.handler.observe(&observer, &machine.origin);
    REQUIRE(machine.map(page(0), 2));
    machine.write(page(0));
    CHECK(observer.announced == 1);
    CHECK(observer.reported == 1);
    CHECK(observer.was_empty);
    machine.write(page(1));
    CHECK(observer.announced == 2);
    CHECK(observer.reported == 2);
}

}  // namespace fl::mm
