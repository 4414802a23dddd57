// Pages that fork shares, under pressure, and pages of several processes that compete.
#include "tests/unit/mm/reclaim_support.hpp"

namespace fl::mm {

using namespace test;

namespace {

struct Family : ShortMachine {
    using ShortMachine::ShortMachine;
    ~Family() { handler.set_mm(nullptr); }
    Family(const Family&) = delete;
    Family& operator=(const Family&) = delete;

    void fork() {
        auto forked = mm->fork();
        REQUIRE(forked.has_value());
        child = std::move(*forked);
    }
    // The child is the one that runs, and that put() and get() are about; and back.
    void change_sides() {
        std::swap(mm, child);
        handler.set_mm(mm.get());
    }
    std::string all_broken() const {
        return broken(child ? std::vector<const MmStruct*>{child.get()} : std::vector<const MmStruct*>{});
    }
    void end_child() { child.reset(); }

    std::unique_ptr<MmStruct> child;
};

}  // namespace

TEST_CASE("reclaim: a page that fork shares leaves both sides, and each gets its bytes") {
    Family family(pressure(4));
    REQUIRE(family.map(page(0), 2).has_value());
    family.put(0, 10);
    family.fork();
    family.push_out(4);
    REQUIRE(family.swapped(0));
    CHECK_FALSE(family.pte(page(0)).is_exclusive());
    CHECK(family.swap->references(family.slot(0)) == 2);
    CHECK(family.all_broken() == "");
    family.change_sides();
    CHECK(family.swapped(0));
    // The copy that the write needs is made in the same fault.
    CHECK(family.put(0, 20) == Kinds{FaultKind::swap_in});
    CHECK(family.all_broken() == "");
    family.change_sides();
    CHECK(family.get(0) == 10);
    // The page waited in the swap cache.
    CHECK_FALSE(family.last_event().major);
    CHECK(family.all_broken() == "");
    family.push_out(5);
    CHECK(family.get(0) == 10);
    family.change_sides();
    CHECK(family.get(0) == 20);
    CHECK(family.all_broken() == "");
}

TEST_CASE("reclaim: both sides read the same frame, and who remains owns it") {
    Family family(pressure(4));
    REQUIRE(family.map(page(0), 1).has_value());
    family.put(0, 10);
    family.fork();
    family.push_out(4);
    // The child first: what it brings in is the parent's as well.
    family.change_sides();
    CHECK(family.get(0) == 10);
    const Pfn shared = family.pte(page(0)).pfn();
    family.change_sides();
    CHECK(family.get(0) == 10);
    CHECK(family.pte(page(0)).pfn() == shared);
    CHECK(family.memory.frames()[shared].map_count == 2);
    CHECK(family.all_broken() == "");
    // It leaves both again without a write.
    const std::uint64_t writes = family.swap->counters().writes;
    CHECK(family.reclaimer->page_out(shared));
    CHECK(family.swap->counters().writes == writes);
    CHECK(family.swap->references(family.slot(0)) == 2);
    CHECK(family.all_broken() == "");
    family.end_child();
    CHECK(family.swap->references(family.slot(0)) == 1);
    CHECK(family.put(0, 30) == Kinds{FaultKind::swap_in});
    CHECK(family.pte(page(0)).writable());
    CHECK(family.all_broken() == "");
}

TEST_CASE("reclaim: fork while pages are in swap, in the swap cache, and beside it") {
    Family family(pressure(4));
    REQUIRE(family.map(page(0), 3).has_value());
    for (std::uint64_t i = 0; i < 3; ++i) family.put(i, 10 + static_cast<unsigned>(i));
    family.push_out(4);
    CHECK(family.get(1) == 11);
    CHECK(family.advise(2, 1, test::madv_willneed) == "ok");
    CHECK(family.pte(page(0)).is_exclusive());
    family.fork();
    CHECK_FALSE(family.pte(page(0)).is_exclusive());
    CHECK(family.child->swap_entries() == family.mm->swap_entries());
    CHECK(family.all_broken() == "");
    for (std::uint64_t i = 0; i < 3; ++i) {
        family.put(i, 20 + static_cast<unsigned>(i));
        CHECK(family.all_broken() == "");
    }
    family.change_sides();
    for (std::uint64_t i = 0; i < 3; ++i) CHECK(family.get(i) == 10 + static_cast<int>(i));
    CHECK(family.all_broken() == "");
    family.end_child();
    for (std::uint64_t i = 0; i < 3; ++i) CHECK(family.get(i) == 10 + static_cast<int>(i));
    CHECK(family.all_broken() == "");
}

TEST_CASE("reclaim: one side's MADV_FREE takes nothing from the other, wherever the page was clean") {
    for (const bool written : {false, true}) {
        CAPTURE(written);
        Family family(pressure(4));
        REQUIRE(family.map(page(0), 1).has_value());
        family.put(0, 10);
        family.push_out(4);
        // Back from swap: clean with a slot, or without one and newer than what was in it.
        if (written) {
            REQUIRE(family.mm->protect(page(0), page_size, prot_read).has_value());
            REQUIRE(family.mm->lock(page(0), page_size, VmFlags()).has_value());
        }
        CHECK(family.get(0) == 10);
        if (written) REQUIRE(family.mm->unlock(page(0), page_size).has_value());
        family.fork();
        CHECK(family.advise(0, 1, test::madv_free) == "ok");
        CHECK(family.all_broken() == "");
        family.push_out(5);
        family.change_sides();
        CHECK(family.get(0) == 10);
        CHECK(family.all_broken() == "");
    }
}

TEST_CASE("reclaim: fork that has to push out the page it is about to share") {
    // RAM alone is short: the child's tables take the frames of the parent's pages.
    for (std::uint64_t frames = 14; frames < 24; ++frames) {
        CAPTURE(frames);
        Pressure all_of_ram = pressure(1);
        all_of_ram.reclaim.frames = std::nullopt;
        Machine machine(frames);
        machine.reclaim_under(all_of_ram);
        const auto file = machine.open(numbered_pages(4 * page_size));
        machine.handler.set_fault_around(PageCount(1));
        REQUIRE(machine.map(page(0), 4, read_write, file_private, file).has_value());
        REQUIRE(machine.map(page(8), 16).has_value());
        machine.write(page(3));
        for (std::uint64_t i = 0; i < 3; ++i) machine.read(page(i));
        for (std::uint64_t i = 8; machine.free_frames() > PageCount(0); ++i) machine.write(page(i));
        auto child = machine.mm->fork();
        REQUIRE(child.has_value());
        CHECK(machine.broken({child->get()}) == "");
        machine.handler.set_mm(child->get());
        for (std::uint64_t i = 0; i < 4; ++i) {
            std::array<std::byte, 1> bytes{};
            CHECK(UserMemory(machine.mmu, machine.handler, **child).copy_from(page(i), bytes).has_value());
            CHECK(bytes[0] == static_cast<std::byte>(1 + i));
        }
        machine.handler.set_mm(machine.mm.get());
        CHECK(machine.broken({child->get()}) == "");
    }
}

TEST_CASE("reclaim: local replacement takes a process's own pages, and those of one that has ended before others'") {
    Pressure local = pressure(6);
    local.reclaim.scope = ReclaimScope::per_process;
    Family family(local);
    REQUIRE(family.map(page(0), 8).has_value());
    for (std::uint64_t i = 0; i < 3; ++i) family.put(i, 10 + static_cast<unsigned>(i));
    auto other = MmStruct::create(family.memory, family.files, {});
    REQUIRE(other.has_value());
    family.child = std::move(*other);
    family.change_sides();
    REQUIRE(family.map(page(0), 16).has_value());
    for (std::uint64_t i = 0; i < 12; ++i) family.put(i, 20 + static_cast<unsigned>(i));
    CHECK(family.mm->rss().anonymous == PageCount(3));
    CHECK(family.child->rss().anonymous == PageCount(3));
    CHECK(family.all_broken() == "");
    for (std::uint64_t i = 0; i < 12; ++i) CHECK(family.get(i) == 20 + static_cast<int>(i));
    CHECK(family.child->rss().anonymous == PageCount(3));

    // Shared memory that outlives its process is nobody's, and goes first.
    const auto file = family.files.create({.path = "/memory"}, FileKind::shared_memory, 2 * page_size);
    REQUIRE(family.map(page(20), 2, read_write, file_shared, file).has_value());
    family.put(20, 40);
    family.put(21, 41);
    family.change_sides();
    family.end_child();
    CHECK(family.all_broken() == "");
    CHECK(family.reclaimer->frames() == PageCount(5));
    REQUIRE(family.mm->lock(page(0), 8 * page_size, VmFlags()).has_value());
    for (std::uint64_t i = 3; i < 6; ++i) family.put(i, 10 + static_cast<unsigned>(i));
    CHECK(family.all_broken() == "");
    CHECK(family.mm->rss().anonymous == PageCount(6));
    CHECK(file->is_in_swap(0));
    CHECK(file->is_in_swap(1));
    REQUIRE(family.mm->unlock(page(0), 8 * page_size).has_value());
    for (std::uint64_t i = 0; i < 6; ++i) CHECK(family.get(i) == 10 + static_cast<int>(i));
    REQUIRE(family.map(page(20), 2, read_write, file_shared, file).has_value());
    CHECK(family.get(20) == 40);
    CHECK(family.get(21) == 41);
    CHECK(family.all_broken() == "");
}

TEST_CASE("reclaim: who has no page of his own that may leave takes from who has most, the older one first") {
    Pressure local = pressure(7);
    local.reclaim.scope = ReclaimScope::per_process;
    ShortMachine machine(local);
    std::vector<std::unique_ptr<MmStruct>> spaces;
    const auto put = [&](std::size_t space, std::uint64_t index) {
        machine.handler.set_mm(spaces[space].get());
        CHECK(machine.write(page(index)) == Kinds{FaultKind::demand_zero});
    };
    for (const std::uint64_t pages : {2, 3, 2, 0}) {
        auto created = MmStruct::create(machine.memory, machine.files, {});
        REQUIRE(created.has_value());
        spaces.push_back(std::move(*created));
        const MapRequest request{
            .hint = page(0), .length_bytes = 8 * page_size, .prot = read_write, .flags = private_anonymous | map_fixed};
        REQUIRE(spaces.back()->map(request).has_value());
        for (std::uint64_t i = 0; i < pages; ++i) put(spaces.size() - 1, i);
    }
    const auto resident = [&] {
        std::string counts;
        for (const auto& space : spaces) counts += std::to_string(space->rss().anonymous.value());
        return counts;
    };
    CHECK(resident() == "2320");
    REQUIRE(spaces[3]->lock(page(0), 8 * page_size, VmFlags()).has_value());
    std::vector<std::string> seen;
    for (std::uint64_t i = 0; i < 5; ++i) {
        put(3, i);
        seen.push_back(resident());
    }
    CHECK(seen == std::vector<std::string>{"2221", "1222", "1123", "1114", "0115"});
    CHECK(machine.broken({spaces[0].get(), spaces[1].get(), spaces[2].get(), spaces[3].get()}) == "");
    machine.handler.set_mm(machine.mm.get());
}

}  // namespace fl::mm
