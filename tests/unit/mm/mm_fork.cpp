#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

namespace {

// A machine with a parent and what fork made of it.
struct Family {
    explicit Family(std::uint64_t frames = 256) : machine(frames) {}

    void fork() {
        auto forked = machine.mm->fork();
        REQUIRE(forked.has_value());
        child = std::move(*forked);
    }
    Kinds in_child(VirtAddr address, emu::Access access) {
        machine.handler.set_mm(child.get());
        Kinds kinds = machine.touch(address, access);
        machine.handler.set_mm(machine.mm.get());
        return kinds;
    }
    emu::Pte child_pte(VirtAddr address) const { return machine.mmu.peek(child->page_table().root(), address); }
    std::byte& child_byte(VirtAddr address) const {
        return machine.ram.frame(child_pte(address).pfn())[address.page_offset()];
    }
    std::string broken() const {
        return machine.broken(child ? std::vector<const MmStruct*>{child.get()} : std::vector<const MmStruct*>{});
    }

    Machine machine;
    std::unique_ptr<MmStruct> child;
};

}  // namespace

TEST_CASE("fork: a private page is shared until one side writes to it") {
    Family family;
    Machine& parent = family.machine;
    REQUIRE(parent.map(page(0), 1).has_value());
    parent.write(page(0));
    parent.byte(page(0)) = std::byte{7};
    parent.mm->take_effects();
    family.fork();
    CHECK(parent.mm->take_effects().tlb_stale);
    CHECK(family.broken() == "");
    const Pfn shared = parent.pte(page(0)).pfn();
    CHECK(family.child_pte(page(0)).pfn() == shared);
    CHECK(parent.memory.frames()[shared].map_count == 2);

    CHECK(family.in_child(page(0), emu::Access::read) == Kinds{});
    CHECK(family.child_byte(page(0)) == std::byte{7});
    CHECK(family.in_child(page(0), emu::Access::write) == Kinds{FaultKind::cow});
    family.child_byte(page(0)) = std::byte{9};
    CHECK(parent.byte(page(0)) == std::byte{7});
    CHECK(family.broken() == "");
    // The parent is alone with the old frame now.
    CHECK(parent.write(page(0)) == Kinds{FaultKind::cow_reuse});
    CHECK(parent.pte(page(0)).pfn() == shared);
    CHECK(family.broken() == "");
}

TEST_CASE("fork: the child that outlives its parent owns what it alone maps") {
    Family family;
    Machine& parent = family.machine;
    REQUIRE(parent.map(page(0), 2).has_value());
    parent.write(page(0));
    family.fork();
    REQUIRE(parent.mm->unmap(page(0), 2 * page_size).has_value());
    CHECK(family.broken() == "");
    CHECK(family.in_child(page(0), emu::Access::write) == Kinds{FaultKind::cow_reuse});
    CHECK(family.in_child(page(1), emu::Access::write) == Kinds{FaultKind::demand_zero});
    CHECK(family.broken() == "");
}

TEST_CASE("fork: mprotect gives a shared page no right to be written to, nor after the other side is gone") {
    Family family;
    Machine& parent = family.machine;
    REQUIRE(parent.map(page(0), 1).has_value());
    parent.write(page(0));
    family.fork();
    family.child.reset();
    // As on Linux: the page counts as shared until a fault has looked at it.
    REQUIRE(parent.mm->protect(page(0), page_size, prot_read).has_value());
    REQUIRE(parent.mm->protect(page(0), page_size, read_write).has_value());
    CHECK_FALSE(parent.pte(page(0)).writable());
    CHECK(parent.write(page(0)) == Kinds{FaultKind::cow_reuse});
    REQUIRE(parent.mm->protect(page(0), page_size, prot_read).has_value());
    REQUIRE(parent.mm->protect(page(0), page_size, read_write).has_value());
    CHECK(parent.pte(page(0)).writable());
    CHECK(family.broken() == "");
}

TEST_CASE("fork: the child's mappings are cut as the parent's, though nothing is locked that kept them apart") {
    Family family;
    Machine& parent = family.machine;
    REQUIRE(parent.map(page(0), 3).has_value());
    REQUIRE(parent.mm->lock(page(1), page_size, VmFlags()).has_value());
    family.fork();
    CHECK(parent.mm->map_count() == 3);
    CHECK(family.child->map_count() == 3);
    CHECK(family.child->vm().locked == PageCount(0));
    CHECK(family.broken() == "");
}

TEST_CASE("fork: shared memory is one memory") {
    Family family;
    Machine& parent = family.machine;
    REQUIRE(parent.map(page(0), 2, read_write, anonymous_shared).has_value());
    parent.write(page(0));
    family.fork();
    // What can be faulted in again is not copied.
    CHECK(family.child_pte(page(0)).is_none());
    CHECK(family.in_child(page(0), emu::Access::write) == Kinds{FaultKind::file_minor});
    family.child_byte(page(0)) = std::byte{3};
    CHECK(parent.byte(page(0)) == std::byte{3});
    CHECK(family.in_child(page(1), emu::Access::write) == Kinds{FaultKind::demand_zero});
    family.child_byte(page(1)) = std::byte{4};
    CHECK(parent.read(page(1)) == Kinds{FaultKind::file_minor});
    CHECK(parent.byte(page(1)) == std::byte{4});
    CHECK(family.broken() == "");
}

TEST_CASE("fork: MADV_DONTFORK stays behind, MADV_WIPEONFORK comes empty") {
    Family family;
    Machine& parent = family.machine;
    for (const std::uint64_t i : {0, 2, 4}) {
        REQUIRE(parent.map(page(i), 1).has_value());
        parent.write(page(i));
    }
    REQUIRE(parent.mm->advise(page(0), page_size, madv_dontfork).has_value());
    REQUIRE(parent.mm->advise(page(2), page_size, madv_wipeonfork).has_value());
    family.fork();
    CHECK(family.child->map_count() == 2);
    CHECK(family.child->vm().total == PageCount(2));
    CHECK(family.in_child(page(0), emu::Access::read) == Kinds{FaultKind::segv_maperr});
    CHECK(family.in_child(page(2), emu::Access::read) == Kinds{FaultKind::zero_page});
    CHECK(family.in_child(page(4), emu::Access::read) == Kinds{});
    CHECK(family.child->rss().anonymous == PageCount(1));
    CHECK(family.broken() == "");
}

TEST_CASE("fork: file pages are not copied, private copies of them are") {
    Family family;
    Machine& parent = family.machine;
    const auto file = parent.open(test::numbered_pages(4 * page_size));
    REQUIRE(parent.map(page(0), 4, prot_read, map_private | map_fixed, file).has_value());
    REQUIRE(parent.map(page(8), 4, read_write, map_private | map_fixed, file).has_value());
    parent.read(page(0));
    parent.write(page(9));
    family.fork();
    CHECK(family.child_pte(page(0)).is_none());
    CHECK(family.child_pte(page(9)).pfn() == parent.pte(page(9)).pfn());
    CHECK(family.in_child(page(9), emu::Access::write) == Kinds{FaultKind::cow});
    CHECK(family.broken() == "");
}

TEST_CASE("fork: a truncated file takes its pages from both sides, private copies included") {
    Family family;
    Machine& parent = family.machine;
    const auto file = parent.files.create(FileIdentity{.path = "/f"}, FileKind::memory, 4 * page_size);
    REQUIRE(parent.map(page(0), 4, read_write, map_shared | map_fixed, file).has_value());
    REQUIRE(parent.map(page(8), 4, read_write, map_private | map_fixed, file).has_value());
    for (const std::uint64_t i : {1, 3, 9, 11}) parent.write(page(i));
    family.fork();
    family.in_child(page(1), emu::Access::write);
    family.in_child(page(3), emu::Access::write);
    REQUIRE(file->resize(2 * page_size).has_value());
    CHECK(family.broken() == "");
    for (const std::uint64_t i : {3, 11}) {
        CHECK(parent.read(page(i)) == Kinds{FaultKind::sigbus});
        CHECK(family.in_child(page(i), emu::Access::read) == Kinds{FaultKind::sigbus});
    }
    CHECK(parent.read(page(1)) == Kinds{});
    CHECK(family.in_child(page(1), emu::Access::read) == Kinds{});
    CHECK(parent.pte(page(9)).is_resident());
    CHECK(family.broken() == "");
}

TEST_CASE("fork: grandchildren find their pages through every family") {
    Family family;
    Machine& parent = family.machine;
    REQUIRE(parent.map(page(0), 4).has_value());
    parent.write(page(0));
    family.fork();
    family.in_child(page(1), emu::Access::write);
    auto forked = family.child->fork();
    REQUIRE(forked.has_value());
    const std::unique_ptr<MmStruct> grandchild = std::move(*forked);
    const auto broken = [&] { return parent.broken({family.child.get(), grandchild.get()}); };
    CHECK(broken() == "");
    CHECK(parent.memory.frames()[parent.pte(page(0)).pfn()].map_count == 3);
    std::size_t found = 0;
    for_each_mapping(parent.memory, parent.pte(page(0)).pfn(), [&](Vma&, VirtAddr at, emu::Pte&) {
        CHECK(at == page(0));
        ++found;
    });
    CHECK(found == 3);
    // The middle one goes first.
    family.child.reset();
    const auto without = [&] { return parent.broken({grandchild.get()}); };
    CHECK(without() == "");
    REQUIRE(grandchild->unmap(page(0), page_size).has_value());
    REQUIRE(grandchild->protect(page(2), page_size, prot_read).has_value());
    CHECK(without() == "");
}

TEST_CASE("fork: a VMA that came from a fork does not join one without a family") {
    Family family;
    Machine& parent = family.machine;
    REQUIRE(parent.map(page(0), 1).has_value());
    parent.write(page(0));
    family.fork();
    const MapRequest next{
        .hint = page(1), .length_bytes = page_size, .prot = read_write, .flags = test::private_anonymous | map_fixed};
    REQUIRE(family.child->map(next).has_value());
    REQUIRE(parent.mm->map(next).has_value());
    CHECK(family.child->map_count() == 2);
    CHECK(parent.mm->map_count() == 1);
    CHECK(family.broken() == "");
}

TEST_CASE("fork: out of frames at any point leaves the parent as it was and no frame behind") {
    for (std::uint64_t allowed = 0; allowed < 40; ++allowed) {
        Family family(512);
        Machine& parent = family.machine;
        for (const std::uint64_t i : {0, 600, 300'000}) {
            REQUIRE(parent.map(page(i), 2).has_value());
            parent.write(page(i));
        }
        const Lines layout = parent.layout();
        const PageCount free_before = parent.free_frames();
        parent.memory.buddy().fail_after(allowed);
        auto forked = parent.mm->fork();
        parent.memory.buddy().fail_after(std::nullopt);
        if (forked) {
            CHECK(allowed > 0);
            forked->reset();
            allowed = 40;
        } else {
            CHECK(forked.error() == Errno::enomem);
        }
        CHECK(parent.free_frames() == free_before);
        CHECK(parent.layout() == layout);
        CHECK(parent.broken() == "");
        for (const std::uint64_t i : {0, 600, 300'000}) {
            const Kinds kinds = parent.write(page(i));
            CHECK((kinds.empty() || kinds == Kinds{FaultKind::cow_reuse}));
        }
    }
}

}  // namespace fl::mm
