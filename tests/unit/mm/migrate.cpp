#include "mm/migrate.hpp"

#include "tests/unit/mm/reclaim_support.hpp"

#include <functional>

namespace fl::mm {

using namespace test;

namespace {

// A frame for a page to move to: the highest that is free.
Pfn take_target(PhysicalMemory& memory) {
    std::uint64_t number = memory.total_page_count().value() - 1;
    while (!memory.buddy().free_block_of(Pfn(number))) --number;
    memory.buddy().take(Pfn(number));
    return Pfn(number);
}

struct Moved {
    Migration outcome;
    Pfn from, to;
};

// Moves the page behind `address`, wherever the machine stands.
Moved move_page_at(Machine& machine, VirtAddr address, const std::vector<const MmStruct*>& others = {}) {
    const Pfn from = machine.pte(address).pfn();
    const Pfn to = take_target(machine.memory);
    const Migration outcome = migrate_page(machine.memory, from, to);
    CHECK(machine.broken(others) == "");
    CHECK((machine.memory.frames()[from].state == FrameState::free) == (outcome == Migration::done));
    return {outcome, from, to};
}

struct PlainContext final : UserfaultContext {
    PlainContext() : UserfaultContext(false) {}
    std::shared_ptr<UserfaultContext> for_child() const override { return nullptr; }
};

// What can go wrong leaves these different.
struct Known {
    std::uint64_t pte;
    int byte;
    bool operator==(const Known&) const = default;
};
Known known(const Machine& machine, VirtAddr address) {
    return {machine.pte(address).with_pfn(Pfn(0)).raw(), std::to_integer<int>(machine.byte(address))};
}
std::ostream& operator<<(std::ostream& out, const Known& known) {
    return out << std::hex << known.pte << std::dec << " byte " << known.byte;
}

}  // namespace

TEST_CASE("migrate: a private page takes its entry, its bytes and its books with it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4).has_value());
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{77};
    const Known before = known(machine, page(0));
    const RssCounters rss = machine.mm->rss();
    (void)machine.mm->take_effects();
    const auto [outcome, from, to] = move_page_at(machine, page(0));
    CHECK(outcome == Migration::done);
    CHECK(machine.pte(page(0)).pfn() == to);
    CHECK(known(machine, page(0)) == before);
    CHECK(machine.memory.frames()[to].anon_exclusive);
    CHECK(machine.memory.frames()[to].only_entry == machine.mm->page_table().find(page(0)));
    CHECK(machine.mm->rss() == rss);
    // The walk above has put the entry into the TLB.
    CHECK(machine.mm->take_effects().tlb_stale);
    // No fault, and the same again.
    CHECK(machine.write(page(0)).empty());
    CHECK(move_page_at(machine, page(0)).outcome == Migration::done);
    CHECK(known(machine, page(0)) == before);
}

TEST_CASE("migrate: the TLB is flushed only for what it may hold") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    machine.ram.cached_translations().note_flushed();
    (void)machine.mm->take_effects();
    move_page_at(machine, page(0));
    CHECK_FALSE(machine.mm->take_effects().tlb_stale);
}

TEST_CASE("migrate: hidden entries and those that a userfaultfd protects stay so") {
    Machine machine;
    const auto context = std::make_shared<PlainContext>();
    REQUIRE(machine.map(page(0), 2).has_value());
    for (std::uint64_t i = 0; i < 2; ++i) machine.write(page(i));
    REQUIRE(machine.mm->protect(page(0), page_size, 0).has_value());
    REQUIRE(machine.mm->register_userfault({page(1), page(2)}, vm_uffd_wp, context).has_value());
    REQUIRE(machine.mm->write_protect({page(1), page(2)}, WriteProtection::on).has_value());
    const emu::Pte hidden = machine.pte(page(0)), guarded = machine.pte(page(1));
    CHECK(hidden.kind() == emu::PteKind::prot_none);
    CHECK(guarded.is_write_protected());
    for (std::uint64_t i = 0; i < 2; ++i) CHECK(move_page_at(machine, page(i)).outcome == Migration::done);
    CHECK(machine.pte(page(0)).with_pfn(hidden.pfn()) == hidden);
    CHECK(machine.pte(page(1)).with_pfn(guarded.pfn()) == guarded);
}

TEST_CASE("migrate: every entry of every address space follows, and so does the page cache") {
    Machine machine;
    const auto file = machine.open(numbered_pages(3 * page_size, 40));
    REQUIRE(machine.map(page(0), 1).has_value());
    REQUIRE(machine.map(page(10), 3, read_write, file_shared, file).has_value());
    REQUIRE(machine.map(page(20), 3, prot_read, file_private, file).has_value());
    REQUIRE(machine.map(page(30), 2, read_write, anonymous_shared).has_value());
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{5};
    machine.write(page(11));
    machine.byte(page(11)) = std::byte{6};
    machine.read(page(21));
    machine.write(page(31));
    machine.byte(page(31)) = std::byte{7};
    auto child = machine.mm->fork().value();
    for (const std::uint64_t index : {0U, 11U, 31U}) {
        CAPTURE(index);
        const Known before = known(machine, page(index));
        const std::uint32_t entries = machine.memory.frames()[machine.pte(page(index)).pfn()].map_count;
        const auto [outcome, from, to] = move_page_at(machine, page(index), {child.get()});
        CHECK(outcome == Migration::done);
        CHECK(known(machine, page(index)) == before);
        CHECK(machine.memory.frames()[to].map_count == entries);
        CHECK(entries == (index == 31 ? 1 : 2));
        if (index == 0) CHECK(child->page_table().find(page(0))->pfn() == to);
    }
    CHECK(machine.pte(page(21)).pfn() == machine.pte(page(11)).pfn());
    CHECK(file->cached(1) == machine.pte(page(11)).pfn());
    std::array<std::byte, 1> byte{};
    REQUIRE(file->read(page_size, byte).has_value());
    CHECK(byte[0] == std::byte{6});
    // It is still known to be newer than the disk, which cannot be written to.
    CHECK(outcome(file->write_back(0, PageCount(3))) == "EROFS");
    // A page of the cache that nobody maps.
    const Pfn unmapped = file->read_page(2).value();
    const Pfn target = take_target(machine.memory);
    CHECK(migrate_page(machine.memory, unmapped, target) == Migration::done);
    CHECK(file->cached(2) == target);
    CHECK(machine.broken({child.get()}) == "");
}

TEST_CASE("migrate: number, slot, dirtiness and locks move with the page") {
    ShortMachine machine(pressure(8));
    REQUIRE(machine.map(page(0), 4).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    REQUIRE(machine.advise(0, 1, madv_pageout) == "ok");
    CHECK(machine.get(0) == 10);  // it is in the swap cache now
    const SwapSlot slot = *machine.memory.frames()[machine.pte(page(0)).pfn()].swap_slot();
    const std::uint32_t number = machine.memory.frames()[machine.pte(page(0)).pfn()].page;
    const std::uint64_t writes = machine.swap->counters().writes;
    const auto [outcome, from, to] = move_page_at(machine, page(0));
    CHECK(outcome == Migration::done);
    CHECK(machine.swap->frame(slot) == to);
    CHECK(machine.memory.frames()[to].page == number);
    CHECK(machine.reclaimer->knows(to));
    // What swap holds is what the frame holds.
    REQUIRE(machine.advise(0, 1, madv_pageout) == "ok");
    CHECK(machine.slot(0) == slot);
    CHECK(machine.swap->counters().writes == writes);
    // Only written again where it was newer.
    CHECK(move_page_at(machine, page(1)).outcome == Migration::done);
    REQUIRE(machine.advise(1, 1, madv_pageout) == "ok");
    CHECK(machine.swap->counters().writes == writes + 1);
    CHECK(machine.get(0) == 10);
    CHECK(machine.get(1) == 11);
    // mlock keeps a page in memory, not in a frame.
    REQUIRE(machine.mm->lock(page(1), page_size, vm_locked).has_value());
    CHECK(move_page_at(machine, page(1)).outcome == Migration::done);
    CHECK(machine.advise(1, 1, madv_pageout) == "EINVAL");
    CHECK(machine.get(1) == 11);
    CHECK(machine.broken() == "");
}

TEST_CASE("migrate: victims are who they were before") {
    const auto victims = [](bool moves) {
        ShortMachine machine(pressure(4));
        REQUIRE(machine.map(page(0), 12).has_value());
        std::vector<std::uint64_t> ids;
        for (std::uint64_t i = 0; i < 12; ++i) {
            machine.put(i, static_cast<unsigned>(i));
            if (moves) move_page_at(machine, page(i));
        }
        for (const EvictionEvent& event : machine.observer.evictions) ids.push_back(event.page.id);
        return ids;
    };
    CHECK(victims(false).size() == 8);
    CHECK(victims(true) == victims(false));
}

TEST_CASE("migrate: who holds a reference of his own keeps the page where it is") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 1).has_value());
    REQUIRE(machine.map(page(1), 1, prot_read, file_private, file).has_value());
    machine.write(page(0));
    machine.read(page(1));
    for (std::uint64_t i = 0; i < 2; ++i) {
        const Pfn pfn = machine.pte(page(i)).pfn();
        const Known before = known(machine, page(i));
        machine.memory.add_reference(pfn);
        CHECK(is_movable(machine.memory, pfn));
        CHECK(is_pinned(machine.memory, pfn));
        const auto free_blocks = machine.memory.buddy().free_blocks();
        const Pfn target = take_target(machine.memory);
        CHECK(migrate_page(machine.memory, pfn, target) == Migration::refused);
        CHECK(machine.pte(page(i)).pfn() == pfn);
        CHECK(known(machine, page(i)) == before);
        CHECK(machine.memory.buddy().free_blocks() == free_blocks);
        machine.memory.release(pfn);
        CHECK_FALSE(is_pinned(machine.memory, pfn));
        CHECK(move_page_at(machine, page(i)).outcome == Migration::done);
    }
}

TEST_CASE("migrate: what cannot move") {
    ShortMachine machine(pressure(8));
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.put(0, 1);
    const PhysicalMemory& memory = machine.memory;
    CHECK(is_movable(memory, machine.pte(page(0)).pfn()));
    CHECK_FALSE(is_movable(memory, Pfn(0)));
    CHECK_FALSE(is_movable(memory, memory.zero_page()));
    CHECK_FALSE(is_movable(memory, machine.mm->page_table().root()));
    CHECK_FALSE(is_movable(memory, Pfn(63)));  // free
    // A page that is on its way in.
    const auto file = machine.open(numbered_pages(2 * page_size));
    const Pfn read = file->read_page(0).value();
    CHECK_FALSE(is_movable(memory, read));
    machine.reclaimer->settle();
    CHECK(is_movable(memory, read));
    const Pfn fresh = machine.memory.allocate(FrameState::anonymous, Fill::zeroed).value();
    machine.reclaimer->settle();
    CHECK_FALSE(is_movable(memory, fresh));
    machine.memory.release(fresh);
    const Pfn kernel = machine.memory.allocate(FrameState::reserved, Fill::zeroed).value();
    CHECK_FALSE(is_movable(memory, kernel));
    CHECK(asserts([&] { (void)migrate_page(machine.memory, kernel, take_target(machine.memory)); }));
    machine.memory.release(kernel);
    CHECK(machine.broken() == "");
}

TEST_CASE("migrate: the processor translates anew where code once lay") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    emu::CodeFrames& code = machine.ram.code_frames();
    const Pfn from = machine.pte(page(0)).pfn();
    const Pfn target = take_target(machine.memory);
    (void)code.note_fetched(target);
    (void)code.note_fetched(from);
    CHECK(migrate_page(machine.memory, from, target) == Migration::done);
    CHECK(code.is_stale(target));
    CHECK_FALSE(code.is_stale(from));
    // And where it was, once somebody else has the frame.
    std::vector<Pfn> others;
    do others.push_back(machine.memory.allocate(FrameState::reserved, Fill::zeroed).value());
    while (others.back() != from);
    CHECK(code.is_stale(from));
    for (const Pfn pfn : others) machine.memory.release(pfn);
}

}  // namespace fl::mm
