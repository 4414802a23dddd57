#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

namespace {

constexpr VirtAddr first_top_down{0x7ffff7ffe000};  // a page below mmap_base with a stack limit of 8 MiB
constexpr std::uint64_t huge = 2ULL << 20;

MapRequest anonymous(std::uint64_t length_bytes, std::uint64_t flags = private_anonymous, VirtAddr hint = VirtAddr(0)) {
    return MapRequest{.hint = hint, .length_bytes = length_bytes, .prot = read_write, .flags = flags, .file = {}};
}

}  // namespace

// --- what mmap answers, in Linux's order of checks ---------------------------------------------------------------

TEST_CASE("mmap: each errno") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const auto map = [&](const MapRequest& request) { return outcome(mm.map(request)); };

    CHECK(map(anonymous(0)) == "EINVAL");
    CHECK(map(anonymous(~std::uint64_t{0})) == "ENOMEM");         // wraps when rounded up
    CHECK(map(anonymous(task_size.value() + 1)) == "ENOMEM");     // larger than the user half
    CHECK(map(anonymous(page_size, map_anonymous)) == "EINVAL");  // neither private nor shared
    CHECK(map(anonymous(page_size, map_anonymous | 4)) == "EINVAL");
    CHECK(map(anonymous(page_size, map_anonymous | map_shared_validate)) == "EINVAL");
    CHECK(map(anonymous(page_size, map_anonymous | map_shared | map_growsdown)) == "EINVAL");

    MapRequest overflow = anonymous(2 * page_size);
    overflow.pgoff = ~std::uint64_t{0};
    CHECK(map(overflow) == "EOVERFLOW");

    const std::uint64_t fixed = private_anonymous | map_fixed;
    CHECK(map(anonymous(page_size, fixed, base_address + 1)) == "EINVAL");
    CHECK(map(anonymous(page_size, fixed, VirtAddr(0))) == "EPERM");
    CHECK(map(anonymous(page_size, fixed, VirtAddr(0xf000))) == "EPERM");
    CHECK(map(anonymous(page_size, fixed, mmap_min_addr)) == "ok");
    CHECK(map(anonymous(page_size, fixed, task_size - page_size)) == "ok");
    CHECK(map(anonymous(2 * page_size, fixed, task_size - page_size)) == "ENOMEM");
    CHECK(map(anonymous(page_size, fixed, task_size)) == "ENOMEM");
    CHECK(map(anonymous(page_size, fixed, VirtAddr(~page_mask))) == "ENOMEM");
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: memory for a thread's stack is kept apart from other memory") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(mm.map(anonymous(page_size, private_anonymous | map_stack)).has_value());
    REQUIRE(mm.map(anonymous(page_size)).has_value());
    CHECK(mm.map_count() == 2);
    REQUIRE(mm.map(anonymous(page_size)).has_value());
    CHECK(mm.map_count() == 2);
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: the check that comes first wins") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const auto map = [&](const MapRequest& request) { return outcome(mm.map(request)); };
    const std::uint64_t bad_type = map_anonymous | map_fixed | 4;
    CHECK(map(anonymous(0, bad_type, VirtAddr(1))) == "EINVAL");
    MapRequest too_long_and_overflow = anonymous(~std::uint64_t{0});
    too_long_and_overflow.pgoff = ~std::uint64_t{0};
    CHECK(map(too_long_and_overflow) == "ENOMEM");
    MapRequest overflow_and_unaligned = anonymous(2 * page_size, private_anonymous | map_fixed, VirtAddr(1));
    overflow_and_unaligned.pgoff = ~std::uint64_t{0};
    CHECK(map(overflow_and_unaligned) == "EOVERFLOW");
    // Out of reach, before unaligned, before forbidden, before the type.
    CHECK(map(anonymous(page_size, bad_type, task_size + 1)) == "ENOMEM");
    CHECK(map(anonymous(page_size, bad_type, VirtAddr(1))) == "EINVAL");
    CHECK(map(anonymous(page_size, bad_type, VirtAddr(0))) == "EPERM");
    // An occupied place, before the type.
    REQUIRE(machine.map(page(0), 1).has_value());
    CHECK(map(anonymous(page_size, bad_type | map_fixed_noreplace, page(0))) == "EEXIST");
    // The limit of locked memory, before the type (do_mmap).
    mm.limits().locked_bytes = page_size - 1;
    CHECK(map(anonymous(page_size, map_anonymous | map_locked | 4)) == "EAGAIN");
    CHECK(map(anonymous(page_size, map_anonymous | map_locked | map_private)) == "EAGAIN");
    mm.limits().locked_bytes = 0;
    CHECK(map(anonymous(page_size, map_anonymous | map_locked | 4)) == "EPERM");
    // Root's capabilities: no limit, and all of the address space.
    mm.limits().privilege = Privilege::root;
    CHECK(map(anonymous(page_size, map_anonymous | map_locked | 4)) == "EINVAL");
    CHECK(map(anonymous(page_size, map_anonymous | map_fixed | map_private, VirtAddr(0))) == "ok");
    REQUIRE(mm.unmap(VirtAddr(0), page_size).has_value());
    CHECK(machine.layout() == Lines{"65536-65537 rw-p"});
}

TEST_CASE("mmap: a private file mapping does not grow down, and a shared one is validated") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    CHECK(outcome(machine.map(page(0), 1, prot_read, map_private | map_growsdown | map_fixed, file)) == "EINVAL");
    CHECK(outcome(machine.map(page(0), 1, prot_read, map_shared_validate | map_fixed, file)) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-1 r--s"});
}

// --- where mappings land -----------------------------------------------------------------------------------------

TEST_CASE("mmap: without a hint, from mmap_base down") {
    Machine machine;
    CHECK(machine.mm->mmap_base() == VirtAddr(0x7ffff7fff000));
    CHECK(machine.mm->map(anonymous(page_size)) == first_top_down);
    CHECK(machine.mm->map(anonymous(3 * page_size)) == first_top_down - 3 * page_size);
    CHECK(machine.mm->map(anonymous(1)) == first_top_down - 4 * page_size);
    // One VMA, since they are alike and touch.
    CHECK(machine.mm->map_count() == 1);
    // The highest hole that is large enough is filled first.
    REQUIRE(machine.mm->unmap(first_top_down - 2 * page_size, page_size).has_value());
    CHECK(machine.mm->map(anonymous(2 * page_size)) == first_top_down - 6 * page_size);
    CHECK(machine.mm->map(anonymous(page_size)) == first_top_down - 2 * page_size);
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: a hint is taken where it is free, rounded down to a page and up to mmap_min_addr") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    CHECK(mm.map(anonymous(page_size, private_anonymous, page(0) + 0x123)) == page(0));
    CHECK(mm.map(anonymous(page_size, private_anonymous, page(0))) == first_top_down);
    CHECK(mm.map(anonymous(2 * page_size, private_anonymous, page(0) - page_size)) == first_top_down - 2 * page_size);
    CHECK(mm.map(anonymous(page_size, private_anonymous, page(1))) == page(1));
    CHECK(mm.map(anonymous(page_size, private_anonymous, VirtAddr(0x1000))) == mmap_min_addr);
    CHECK(mm.map(anonymous(page_size, private_anonymous, VirtAddr(0xfff))) == first_top_down - 3 * page_size);
    CHECK(mm.map(anonymous(page_size, private_anonymous, task_size)) == first_top_down - 4 * page_size);
    CHECK(mm.map(anonymous(page_size, private_anonymous, task_size - page_size)) == task_size - page_size);
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: neither a hint nor a search goes into the guard of a stack") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(mm.map(anonymous(page_size, private_anonymous | map_fixed | map_growsdown, page(1000))).has_value());
    CHECK(mm.map(anonymous(page_size, private_anonymous, page(999))) == first_top_down);
    CHECK(mm.map(anonymous(page_size, private_anonymous, page(1000 - 256))) == first_top_down - page_size);
    CHECK(mm.map(anonymous(page_size, private_anonymous, page(1000 - 257))) == page(1000 - 257));
    // MAP_FIXED may.
    CHECK(mm.map(anonymous(page_size, private_anonymous | map_fixed, page(998))) == page(998));
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: multiples of 2 MiB of private anonymous memory lie on 2 MiB boundaries") {
    Machine machine(4096);
    MmStruct& mm = *machine.mm;
    CHECK(mm.map(anonymous(huge)) == VirtAddr(0x7ffff7c00000));
    CHECK(mm.map(anonymous(page_size)) == first_top_down);  // above, where there is room
    CHECK(mm.map(anonymous(2 * huge)) == VirtAddr(0x7ffff7800000));
    CHECK(mm.map(anonymous(huge + page_size)) == VirtAddr(0x7ffff75ff000));
    SUBCASE("an area that begins on a boundary is taken one boundary higher") {
        Machine aligned(4096);
        REQUIRE(aligned.map(VirtAddr(0x7ffff7e00000), 0x1ff).has_value());
        CHECK(aligned.mm->map(anonymous(huge)) == VirtAddr(0x7ffff7c00000));
    }
    SUBCASE("not with a hint") {
        CHECK(mm.map(anonymous(huge, private_anonymous, page(1))) == page(1));
        CHECK(mm.map(anonymous(huge, private_anonymous, page(1)))->value() % huge != 0);
    }
    SUBCASE("not shared memory; files on their own boundaries, a part of a huge page anywhere") {
        Machine other(4096);
        REQUIRE(other.mm->map(anonymous(page_size)) == first_top_down);
        CHECK(other.mm->map(anonymous(huge, map_shared | map_anonymous)) == first_top_down - huge);
        MapRequest of_file = anonymous(huge, map_private);
        of_file.file = other.open(numbered_pages(huge));
        CHECK(other.mm->map(of_file) == VirtAddr(0x7ffff7a00000));
        of_file.pgoff = 1;
        CHECK(other.mm->map(of_file) == VirtAddr(0x7ffff7800000));
        of_file.length_bytes = 2 * huge;
        CHECK(other.mm->map(of_file) == VirtAddr(0x7ffff7201000));
    }
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: MAP_32BIT searches the second gigabyte from below, and takes a hint below 2 GiB") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const std::uint64_t flags = private_anonymous | map_32bit;
    CHECK(mm.map(anonymous(page_size, flags)) == VirtAddr(0x40000000));
    CHECK(mm.map(anonymous(2 * page_size, flags)) == VirtAddr(0x40001000));
    CHECK(mm.map(anonymous(page_size, flags, VirtAddr(0x50000123))) == VirtAddr(0x50000000));
    CHECK(mm.map(anonymous(page_size, flags, VirtAddr(0x20000000))) == VirtAddr(0x20000000));
    CHECK(mm.map(anonymous(page_size, flags, VirtAddr(0x90000000))) == VirtAddr(0x40003000));
    CHECK(mm.map(anonymous(page_size, flags, VirtAddr(0x7ffff000))) == VirtAddr(0x7ffff000));
    CHECK(mm.map(anonymous(2 * page_size, flags, VirtAddr(0x7fffe000))) == VirtAddr(0x40004000));
    CHECK(outcome(mm.map(anonymous(0x40000000, flags))) == "ENOMEM");
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: when all below mmap_base is taken, what lies above is searched from below") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const std::uint64_t all = mm.mmap_base() - mmap_min_addr;
    REQUIRE(mm.map(anonymous(all, private_anonymous | map_fixed | map_noreserve, mmap_min_addr)).has_value());
    CHECK(mm.map(anonymous(page_size)) == mm.mmap_base());
    CHECK(outcome(mm.map(anonymous(task_size - mm.mmap_base()))) == "ENOMEM");
    CHECK(machine.broken() == "");
}

// --- merging and replacing -----------------------------------------------------------------------------------------

TEST_CASE("mmap: neighbours that are alike become one VMA, others do not") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    REQUIRE(machine.map(page(2), 1).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "2-3 rw-p"});
    REQUIRE(machine.map(page(1), 1).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-3 rw-p"});
    REQUIRE(machine.map(page(3), 1, prot_read).has_value());
    REQUIRE(machine.map(page(4), 1, prot_read, map_shared | map_anonymous | map_fixed).has_value());
    REQUIRE(machine.map(page(5), 1, prot_read, map_shared | map_anonymous | map_fixed).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-3 rw-p", "3-4 r--p", "4-5 r--s", "5-6 r--s"});
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: pieces of a file merge where their pages follow each other") {
    Machine machine;
    const auto file = machine.open(numbered_pages(8 * page_size));
    const auto other = machine.open(numbered_pages(8 * page_size));
    const std::uint64_t flags = map_private | map_fixed;
    REQUIRE(machine.map(page(0), 2, prot_read, flags, file, 0).has_value());
    REQUIRE(machine.map(page(2), 2, prot_read, flags, file, 2).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-4 r--p"});
    REQUIRE(machine.map(page(4), 1, prot_read, flags, file, 5).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-4 r--p", "4-5 r--p"});
    REQUIRE(machine.map(page(5), 1, prot_read, flags, other, 6).has_value());
    CHECK(machine.mm->map_count() == 3);
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: families of private pages that differ keep VMAs apart; the lower neighbour is preferred") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    REQUIRE(machine.map(page(2), 1).has_value());
    machine.write(page(0));
    machine.write(page(2));
    REQUIRE(machine.map(page(1), 1).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p", "2-3 rw-p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: MAP_FIXED replaces what lies there, and its pages are gone") {
    Machine machine;
    REQUIRE(machine.map(page(0), 6).has_value());
    for (std::uint64_t i = 0; i < 6; ++i) machine.write(page(i));
    CHECK(machine.mm->rss().anonymous == PageCount(6));
    REQUIRE(machine.map(page(2), 2, prot_read).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-p", "2-4 r--p", "4-6 rw-p"});
    CHECK(machine.mm->rss().anonymous == PageCount(4));
    CHECK(machine.pte(page(2)).is_none());
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.broken() == "");
    // Over everything, reaching beyond at both ends.
    REQUIRE(machine.map(base_address - page_size, 8, prot_read).has_value());
    CHECK(machine.mm->map_count() == 1);
    CHECK(machine.mm->rss().total() == PageCount(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: MAP_FIXED_NOREPLACE takes only a free place") {
    Machine machine;
    const std::uint64_t flags = private_anonymous | map_fixed_noreplace;
    CHECK(machine.map(page(1), 2, read_write, flags) == page(1));
    for (const std::uint64_t start : {0U, 1U, 2U}) {
        CHECK(outcome(machine.map(page(start), 2, read_write, flags)) == "EEXIST");
    }
    CHECK(machine.map(page(3), 1, read_write, flags) == page(3));
    CHECK(outcome(machine.map(page(5) + 1, 1, read_write, flags)) == "EINVAL");
    CHECK(machine.layout(base_address) == Lines{"1-4 rw-p"});
}

TEST_CASE("mmap: a MAP_FIXED that fails has released nothing") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 4).has_value());
    for (std::uint64_t i = 0; i < 4; ++i) machine.write(page(i));
    const VmCounters before = mm.vm();
    const auto untouched = [&](const Lines& layout = {"0-4 rw-p"}) {
        CHECK(machine.layout(base_address) == layout);
        CHECK(mm.rss().anonymous == PageCount(4));
        CHECK(mm.vm() == before);
        CHECK(machine.broken() == "");
    };
    SUBCASE("RLIMIT_AS") {
        mm.limits().address_space_bytes = 6 * page_size;
        CHECK(outcome(machine.map(page(1), 10)) == "ENOMEM");
        untouched({"0-1 rw-p", "1-4 rw-p"});  // cut where the new one would have begun, as on Linux
        // Replacing counts only what is added.
        CHECK(outcome(machine.map(page(1), 5)) == "ok");
    }
    SUBCASE("RLIMIT_DATA") {
        mm.limits().data_bytes = 4 * page_size;
        CHECK(outcome(machine.map(page(3), 3)) == "ENOMEM");
        untouched({"0-3 rw-p", "3-4 rw-p"});
        CHECK(outcome(machine.map(page(3), 3, prot_read)) == "ok");
    }
    SUBCASE("a type that does not exist") {
        CHECK(outcome(machine.map(page(1), 1, read_write, map_anonymous | map_fixed)) == "EINVAL");
        untouched();
    }
    SUBCASE("more than all of memory") {
        CHECK(outcome(machine.map(page(0), 65)) == "ENOMEM");
        untouched();
        // As many as the allocator manages: without frame 0.
        CHECK(outcome(machine.map(page(0), 64)) == "ENOMEM");
        CHECK(outcome(machine.map(page(0), 63)) == "ok");
    }
}

TEST_CASE("mmap: memory that nobody promises may be larger than RAM") {
    Machine machine(16);
    CHECK(outcome(machine.map(page(0), 17)) == "ENOMEM");
    CHECK(outcome(machine.map(page(0), 17, prot_read)) == "ok");
    CHECK(outcome(machine.map(page(0), 17, read_write, private_anonymous | map_fixed | map_noreserve)) == "ok");
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: limits of address space and data") {
    ResourceLimits limits;
    limits.address_space_bytes = 10 * page_size + 5;
    limits.data_bytes = 4 * page_size;
    Machine machine(64, limits);
    CHECK(outcome(machine.map(page(0), 4)) == "ok");
    CHECK(outcome(machine.map(page(10), 1)) == "ENOMEM");
    CHECK(outcome(machine.map(page(10), 6, prot_read)) == "ok");
    CHECK(outcome(machine.map(page(20), 1, prot_read)) == "ENOMEM");
    CHECK(machine.mm->vm().total == PageCount(10));
    CHECK(machine.mm->vm().data == PageCount(4));
    REQUIRE(machine.mm->unmap(page(0), page_size).has_value());
    CHECK(outcome(machine.map(page(20), 1)) == "ok");
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap: sizes are counted by kind") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 1, prot_read | prot_exec, map_private | map_fixed, file).has_value());
    CHECK(sizes(mm) == Sizes{1, 0, 1, 0, 0});
    REQUIRE(machine.map(page(10), 2, read_write).has_value());
    REQUIRE(machine.map(page(20), 3, read_write, private_anonymous | map_fixed | map_growsdown).has_value());
    REQUIRE(machine.map(page(30), 4, read_write, map_shared | map_anonymous | map_fixed).has_value());
    REQUIRE(machine.map(page(40), 5, read_write, private_anonymous | map_fixed | map_locked).has_value());
    REQUIRE(machine.map(page(50), 6, prot_read | prot_write | prot_exec).has_value());
    CHECK(sizes(mm) == Sizes{21, 13, 1, 3, 5});
    CHECK(machine.broken() == "");
    REQUIRE(mm.unmap(VirtAddr(0), task_size.value()).has_value());
    CHECK(sizes(mm) == Sizes{0, 0, 0, 0, 0});
    CHECK(mm.hiwater_vm() == PageCount(21));
}

TEST_CASE("mmap: locked memory has its limit") {
    Machine machine;
    machine.mm->limits().locked_bytes = 3 * page_size;
    CHECK(outcome(machine.map(page(0), 2, read_write, private_anonymous | map_fixed | map_locked)) == "ok");
    CHECK(outcome(machine.map(page(4), 2, read_write, private_anonymous | map_fixed | map_locked)) == "EAGAIN");
    CHECK(outcome(machine.map(page(4), 1, read_write, private_anonymous | map_fixed | map_locked)) == "ok");
    CHECK(machine.broken() == "");
}

TEST_CASE("mmap and its kin: no more VMAs than max_map_count") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    // One VMA of three pages, two that touch, then single pages until the table is full: pages of two kinds in turn.
    REQUIRE(machine.map(page(0), 3).has_value());
    const VirtAddr low = page(100'000);
    REQUIRE(machine.map(low, 3, prot_read | prot_exec).has_value());
    REQUIRE(machine.map(low + 3 * page_size, 3, prot_read).has_value());
    std::uint64_t next = 4;
    while (mm.map_count() < max_map_count) {
        REQUIRE(machine.map(page(next), 1, next % 2 == 0 ? prot_read : prot_read | prot_exec).has_value());
        ++next;
    }
    CHECK(mm.map_count() == max_map_count);
    // What would cut one VMA in two is refused.
    CHECK(outcome(mm.unmap(page(1), page_size)) == "ENOMEM");
    CHECK(outcome(mm.protect(page(1), page_size, prot_read)) == "ENOMEM");
    CHECK(outcome(mm.protect(page(0), page_size, prot_read)) == "ENOMEM");
    CHECK(outcome(mm.advise(page(1), page_size, 10)) == "EAGAIN");
    CHECK(outcome(machine.map(page(1), 1, prot_read)) == "ENOMEM");
    CHECK(outcome(mm.advise(page(1), page_size, 4)) == "ok");
    // A whole VMA, or an end of one, is not.
    CHECK(outcome(mm.protect(page(0), 3 * page_size, prot_read)) == "ok");
    CHECK(outcome(mm.unmap(page(2), page_size)) == "ok");
    // One more than the limit is possible, then no more (Linux: map_count > sysctl_max_map_count).
    CHECK(outcome(machine.map(page(next + 10), 1)) == "ok");
    CHECK(outcome(machine.map(page(next + 20), 1)) == "ENOMEM");
    // At the limit a boundary between two VMAs can still be moved.
    CHECK(outcome(mm.protect(low + 3 * page_size, page_size, prot_read | prot_exec)) == "ok");
    CHECK(mm.vmas().find(low)->page_count() == PageCount(4));
    CHECK(outcome(mm.protect(low + 2 * page_size, 2 * page_size, prot_read)) == "ok");
    CHECK(mm.vmas().find(low)->page_count() == PageCount(2));
    CHECK(outcome(mm.protect(low + page_size, 2 * page_size, prot_read | prot_exec)) == "ok");
    CHECK(mm.vmas().find(low)->page_count() == PageCount(3));
    CHECK(machine.broken() == "");
}

// --- munmap --------------------------------------------------------------------------------------------------------

TEST_CASE("munmap: each errno") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4).has_value());
    MmStruct& mm = *machine.mm;
    CHECK(outcome(mm.unmap(page(0) + 1, page_size)) == "EINVAL");
    CHECK(outcome(mm.unmap(page(0), 0)) == "EINVAL");
    CHECK(outcome(mm.unmap(task_size + page_size, page_size)) == "EINVAL");
    CHECK(outcome(mm.unmap(task_size, page_size)) == "EINVAL");
    CHECK(outcome(mm.unmap(page(0), task_size.value())) == "EINVAL");
    CHECK(outcome(mm.unmap(page(0), ~std::uint64_t{0})) == "EINVAL");
    CHECK(outcome(mm.unmap(VirtAddr(~page_mask), page_size)) == "EINVAL");
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-p"});
    // Nothing there: fine.
    CHECK(outcome(mm.unmap(page(100), page_size)) == "ok");
    CHECK(outcome(mm.unmap(VirtAddr(0), page_size)) == "ok");
}

TEST_CASE("munmap: the parts of a VMA that stay keep their pages, of the rest nothing stays") {
    for (std::uint64_t from = 0; from < 5; ++from) {
        for (std::uint64_t to = from + 1; to <= 5; ++to) {
            CAPTURE(from);
            CAPTURE(to);
            Machine machine;
            const auto file = machine.open(numbered_pages(5 * page_size));
            REQUIRE(machine.map(page(0), 5, read_write, map_private | map_fixed, file).has_value());
            for (std::uint64_t i = 0; i < 5; ++i) CHECK(machine.write(page(i)) == Kinds{FaultKind::cow});
            REQUIRE(machine.mm->unmap(page(from), (to - from) * page_size - 1).has_value());
            CHECK(machine.broken() == "");
            CHECK(machine.mm->vm().total == PageCount(5 - (to - from)));
            CHECK(machine.mm->rss().anonymous == PageCount(5 - (to - from)));
            for (std::uint64_t i = 0; i < 5; ++i) {
                const bool gone = i >= from && i < to;
                CHECK(machine.read(page(i)) == (gone ? Kinds{FaultKind::segv_maperr} : Kinds{}));
                if (!gone) CHECK(machine.byte(page(i)) == static_cast<std::byte>(1 + i));
            }
            CHECK(machine.mm->take_effects().tlb_stale);
        }
    }
}

TEST_CASE("munmap: over several VMAs and holes") {
    Machine machine;
    for (const std::uint64_t start : {0U, 3U, 6U}) REQUIRE(machine.map(page(start), 2).has_value());
    REQUIRE(machine.mm->unmap(page(1), 6 * page_size).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "7-8 rw-p"});
    CHECK(machine.broken() == "");
}

TEST_CASE("munmap: page tables go with the last VMA that they serve") {
    Machine machine;
    CHECK(machine.mm->page_table().table_count() == PageCount(1));
    // Two VMAs in one 2 MiB slot.
    REQUIRE(machine.map(page(0), 1).has_value());
    REQUIRE(machine.map(page(2), 1).has_value());
    machine.write(page(0));
    machine.write(page(2));
    CHECK(machine.mm->pgtables_bytes() == 3 * page_size);
    REQUIRE(machine.mm->unmap(page(0), page_size).has_value());
    CHECK(machine.mm->pgtables_bytes() == 3 * page_size);
    CHECK(machine.pte(page(2)).is_present());
    REQUIRE(machine.mm->unmap(page(2), page_size).has_value());
    CHECK(machine.mm->pgtables_bytes() == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("munmap: untouched memory leaves nothing stale in the TLB") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.mm->unmap(page(0), page_size).has_value());
    CHECK_FALSE(machine.mm->take_effects().tlb_stale);
    machine.write(page(1));
    machine.mm->take_effects();
    REQUIRE(machine.mm->unmap(page(1), page_size).has_value());
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK_FALSE(machine.mm->take_effects().tlb_stale);
}

TEST_CASE("mmap: shared anonymous memory is one file of zeroes behind all its pieces") {
    Machine machine;
    const PageCount free_before = machine.free_frames();
    REQUIRE(machine.map(page(0), 4, read_write, map_shared | map_anonymous | map_fixed).has_value());
    CHECK(machine.write(page(1)) == Kinds{FaultKind::demand_zero});
    machine.byte(page(1)) = std::byte{9};
    REQUIRE(machine.mm->advise(page(0), 4 * page_size, 4).has_value());
    CHECK(machine.mm->rss().total() == PageCount(0));
    // MADV_DONTNEED forgets the mapping, not the memory.
    CHECK(machine.read(page(1)) == Kinds{FaultKind::file_minor});
    CHECK(machine.byte(page(1)) == std::byte{9});
    CHECK(machine.mm->rss().shared_memory == PageCount(1));
    CHECK(machine.mm->vma_name(*machine.mm->vmas().first()) == "/dev/zero (deleted)");
    CHECK(machine.broken() == "");
    machine.observer.events.clear();  // an event keeps the file that it is about
    REQUIRE(machine.mm->unmap(page(0), 4 * page_size).has_value());
    CHECK(machine.free_frames() == free_before);
    CHECK(machine.files.files().empty());
}

}  // namespace fl::mm
