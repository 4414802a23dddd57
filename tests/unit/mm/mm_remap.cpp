#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

namespace {

constexpr std::uint64_t fixed = mremap_maymove | mremap_fixed;

// mremap in pages of the test's window; the page of the answer, or the errno.
std::string remap(Machine& machine, std::uint64_t from, std::uint64_t old_pages, std::uint64_t new_pages,
                  std::uint64_t flags, std::uint64_t to = 0) {
    const auto done = machine.mm->remap(RemapRequest{.address = page(from),
                                                     .old_bytes = old_pages * page_size,
                                                     .new_bytes = new_pages * page_size,
                                                     .flags = flags,
                                                     .new_address = page(to)});
    CHECK(machine.broken() == "");
    if (!done) return outcome(done);
    return done->start >= base_address ? std::to_string((done->start - base_address) >> page_shift) : "low";
}

void write_byte(Machine& machine, std::uint64_t index, unsigned value) {
    machine.write(page(index));
    machine.byte(page(index)) = static_cast<std::byte>(value);
}
unsigned read_byte(Machine& machine, std::uint64_t index) {
    machine.read(page(index));
    return static_cast<unsigned>(machine.byte(page(index)));
}

}  // namespace

TEST_CASE("mremap: each errno, in order") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 4).has_value());
    const auto call = [&](VirtAddr at, std::uint64_t old_bytes, std::uint64_t new_bytes, std::uint64_t flags,
                          VirtAddr to) {
        auto text = outcome(mm.remap(RemapRequest{at, old_bytes, new_bytes, flags, to}));
        CHECK(machine.broken() == "");
        return text;
    };
    const std::uint64_t one = page_size;
    CHECK(call(page(50), one, one, 8, page(20)) == "EINVAL");
    CHECK(call(page(50) + 1, one, one, 0, page(20)) == "EINVAL");
    CHECK(call(page(50), one, 0, 0, page(20)) == "EINVAL");
    CHECK(call(page(50), one, ~std::uint64_t{0}, 0, page(20)) == "EINVAL");  // rounds to nothing
    CHECK(call(page(50), one, task_size.value() + one, mremap_maymove, page(20)) == "EINVAL");
    CHECK(call(page(50), one, one, fixed, page(20) + 1) == "EINVAL");
    CHECK(call(page(50), one, one, fixed, task_size) == "EINVAL");
    CHECK(call(page(50), one, one, fixed, VirtAddr(0xffff800000000000)) == "EINVAL");
    CHECK(call(page(50), one, one, mremap_fixed, page(20)) == "EINVAL");
    CHECK(call(page(50), one, one, mremap_dontunmap, page(20)) == "EINVAL");
    CHECK(call(page(50), one, 2 * one, fixed | mremap_dontunmap, page(20)) == "EINVAL");
    CHECK(call(page(50), 2 * one, one, fixed, page(51)) == "EINVAL");
    CHECK(call(page(50), one, one, fixed, page(20)) == "EFAULT");
    CHECK(call(page(50), one, one, mremap_maymove, page(20)) == "EFAULT");
    CHECK(call(page(0), 0, one, mremap_maymove, page(20)) == "EINVAL");
    CHECK(call(page(0), 8 * one, 9 * one, mremap_maymove, page(20)) == "EFAULT");
    CHECK(call(page(0), one, 2 * one, 0, page(20)) == "ENOMEM");
    CHECK(call(page(0), 0 - one, one, 0, page(20)) == "EINVAL");
    CHECK(call(page(0), one, one, fixed, VirtAddr(0)) == "EPERM");
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-p"});
    mm.limits().address_space_bytes = 5 * page_size;
    CHECK(call(page(0), 4 * one, 6 * one, 0, page(20)) == "ENOMEM");
    CHECK(call(page(0), 4 * one, 5 * one, 0, page(20)) == "ok");
    REQUIRE(mm.lock(page(0), 5 * one, VmFlags()).has_value());
    mm.limits().locked_bytes = 5 * page_size;
    CHECK(call(page(0), 5 * one, 6 * one, 0, page(20)) == "EAGAIN");
    CHECK(call(page(0), 5 * one, 5 * one, fixed | mremap_dontunmap, page(20)) == "ENOMEM");
}

TEST_CASE("mremap: grows and shrinks in place, and joins what it comes to touch") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(machine.map(page(8), 2).has_value());
    CHECK(remap(machine, 0, 4, 6, 0) == "0");
    CHECK(remap(machine, 0, 2, 3, 0) == "ENOMEM");  // not the end of the mapping
    CHECK(remap(machine, 0, 6, 9, 0) == "ENOMEM");  // something is in the way
    CHECK(machine.layout(base_address) == Lines{"0-6 rw-p", "8-10 rw-p"});
    CHECK(remap(machine, 0, 6, 8, 0) == "0");
    CHECK(machine.layout(base_address) == Lines{"0-10 rw-p"});
    CHECK(remap(machine, 4, 6, 2, 0) == "4");
    CHECK(machine.layout(base_address) == Lines{"0-6 rw-p"});
    CHECK(remap(machine, 1, 2, 2, 0) == "1");
    // What is cut off may be several mappings.
    REQUIRE(machine.map(page(6), 2, prot_read).has_value());
    CHECK(remap(machine, 0, 8, 3, 0) == "0");
    CHECK(machine.layout(base_address) == Lines{"0-3 rw-p"});
    // The guard gap of a stack above is no obstacle.
    REQUIRE(machine.map(page(10), 2, read_write, private_anonymous | map_fixed | map_growsdown).has_value());
    CHECK(remap(machine, 0, 3, 9, 0) == "0");
}

TEST_CASE("mremap: pages move with their content, without a fault, and the way back to them is found") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4).has_value());
    write_byte(machine, 0, 10);
    write_byte(machine, 2, 12);
    machine.read(page(3));
    machine.mm->take_effects();
    const PageCount free_before = machine.free_frames();
    CHECK(remap(machine, 0, 4, 4, fixed, 20) == "20");
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.free_frames() == free_before);
    CHECK(machine.layout(base_address) == Lines{"20-24 rw-p"});
    CHECK(machine.write(page(20)) == Kinds{});
    CHECK(machine.write(page(21)) == Kinds{FaultKind::demand_zero});
    CHECK(read_byte(machine, 22) == 12);
    CHECK(machine.write(page(23)) == Kinds{FaultKind::zero_upgrade});
    CHECK(machine.read(page(0)) == Kinds{FaultKind::segv_maperr});
    // Parts of it move on and come back together.
    CHECK(remap(machine, 21, 2, 2, fixed, 40) == "40");
    CHECK(machine.layout(base_address) == Lines{"20-21 rw-p", "23-24 rw-p", "40-42 rw-p"});
    CHECK(remap(machine, 40, 2, 2, fixed, 21) == "21");
    CHECK(machine.layout(base_address) == Lines{"20-24 rw-p"});
    CHECK(read_byte(machine, 20) == 10);
    CHECK(read_byte(machine, 22) == 12);
    CHECK(machine.broken() == "");
}

TEST_CASE("mremap: grows elsewhere where it may and has to, inside the mmap area") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(2), 1, prot_read).has_value());
    write_byte(machine, 1, 7);
    const auto moved = machine.mm->remap(RemapRequest{page(0), 2 * page_size, 4 * page_size, mremap_maymove, {}});
    REQUIRE(moved.has_value());
    CHECK(moved->start == VirtAddr(machine.mm->mmap_base().value() - 4 * page_size));
    CHECK(moved->to_populate.empty());
    CHECK(machine.pte(moved->start + page_size).is_present());
    CHECK(machine.mm->vm().total == PageCount(5));
    CHECK(machine.mm->hiwater_vm() == PageCount(5));  // never both at once
    CHECK(machine.broken() == "");
}

TEST_CASE("mremap: clears the place it goes to") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(machine.map(page(20), 10, prot_read).has_value());
    CHECK(remap(machine, 0, 4, 6, fixed, 22) == "22");
    CHECK(machine.layout(base_address) == Lines{"20-22 r--p", "22-28 rw-p", "28-30 r--p"});
    CHECK(remap(machine, 22, 6, 2, fixed, 40) == "40");
    CHECK(machine.layout(base_address) == Lines{"20-22 r--p", "28-30 r--p", "40-42 rw-p"});
}

TEST_CASE("mremap: several mappings move together and keep their distances") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(machine.map(page(6), 2, prot_read).has_value());
    REQUIRE(machine.map(page(8), 4).has_value());
    write_byte(machine, 1, 1);
    write_byte(machine, 9, 9);
    CHECK(remap(machine, 1, 10, 10, fixed, 40) == "40");
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "11-12 rw-p", "40-43 rw-p", "45-47 r--p", "47-50 rw-p"});
    CHECK(read_byte(machine, 40) == 1);
    CHECK(read_byte(machine, 48) == 9);
    // Not of another size, and not from a hole on.
    CHECK(remap(machine, 40, 10, 11, fixed, 60) == "EFAULT");
    CHECK(remap(machine, 40, 10, 9, fixed, 60) == "EFAULT");
    CHECK(remap(machine, 39, 10, 10, fixed, 60) == "EFAULT");
    CHECK(remap(machine, 40, 10, 10, fixed | mremap_dontunmap, 60) == "60");
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "11-12 rw-p", "40-43 rw-p", "45-47 r--p", "47-50 rw-p",
                                                "60-63 rw-p", "65-67 r--p", "67-70 rw-p"});
    CHECK(read_byte(machine, 40) == 0);
    CHECK(read_byte(machine, 68) == 9);
}

TEST_CASE("mremap: MREMAP_DONTUNMAP leaves an empty mapping behind, no longer locked") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(mm.lock(page(0), 4 * page_size, VmFlags()).has_value());
    write_byte(machine, 0, 5);
    CHECK(remap(machine, 0, 4, 4, fixed | mremap_dontunmap, 20) == "20");
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-p", "20-24 rw-p"});
    CHECK(mm.vm().locked == PageCount(8));
    CHECK(mm.locked_left_behind() == PageCount(4));
    CHECK_FALSE(mm.vmas().find(page(0))->flags().has_any(vm_locked));
    CHECK(read_byte(machine, 20) == 5);
    CHECK(machine.write(page(0)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.broken() == "");
    // A part of a mapping: the rest keeps its pages.
    write_byte(machine, 1, 6);
    write_byte(machine, 2, 7);
    CHECK(remap(machine, 1, 1, 1, fixed | mremap_dontunmap, 40) == "40");
    CHECK(read_byte(machine, 40) == 6);
    CHECK(read_byte(machine, 2) == 7);
    CHECK(machine.broken() == "");
}

TEST_CASE("mremap: a shared mapping can be had a second time") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4, read_write, map_shared | map_anonymous | map_fixed).has_value());
    write_byte(machine, 1, 11);
    CHECK(remap(machine, 1, 0, 2, fixed, 20) == "20");
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-s", "20-22 rw-s"});
    CHECK(read_byte(machine, 20) == 11);
    write_byte(machine, 21, 12);
    CHECK(read_byte(machine, 2) == 12);
    // Beyond the file there is nothing.
    CHECK(remap(machine, 0, 4, 6, 0) == "0");
    CHECK(machine.read(page(5)) == Kinds{FaultKind::sigbus});
    CHECK(machine.broken() == "");
}

TEST_CASE("mremap: file pages, private copies and guards move") {
    Machine machine;
    const auto file = machine.open(numbered_pages(4 * page_size));
    REQUIRE(machine.map(page(0), 4, read_write, map_private | map_fixed, file).has_value());
    machine.read(page(0));
    write_byte(machine, 2, 99);
    REQUIRE(machine.mm->advise(page(3), page_size, 102).has_value());
    CHECK(remap(machine, 0, 4, 6, fixed, 20) == "20");
    CHECK(read_byte(machine, 21) == 2);
    CHECK(read_byte(machine, 22) == 99);
    CHECK(machine.read(page(23)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.read(page(24)) == Kinds{FaultKind::sigbus});
    CHECK(machine.broken() == "");
}

TEST_CASE("mremap: what is locked stays locked, and grows by what is to be brought in") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 2, read_write, private_anonymous | map_fixed | map_locked).has_value());
    const auto grown = mm.remap(RemapRequest{page(0), 2 * page_size, 4 * page_size, 0, {}});
    REQUIRE(grown.has_value());
    CHECK(grown->to_populate == VirtRange{page(2), page(4)});
    CHECK(mm.vm().locked == PageCount(4));
    const auto moved = mm.remap(RemapRequest{page(0), 4 * page_size, 5 * page_size, fixed, page(20)});
    REQUIRE(moved.has_value());
    CHECK(moved->to_populate == VirtRange{page(24), page(25)});
    CHECK(mm.vm().locked == PageCount(5));
    CHECK(machine.broken() == "");
}

TEST_CASE("mremap: the kernel's own ranges move as a whole and keep their size") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(
        mm.map_special(VirtRange{page(0), page(2)}, vm_read | vm_exec | vm_may_flags, {"[vdso]", nullptr}).has_value());
    CHECK(remap(machine, 0, 2, 3, mremap_maymove) == "EFAULT");
    CHECK(remap(machine, 0, 2, 1, 0) == "EINVAL");
    CHECK(remap(machine, 0, 1, 1, fixed, 20) == "EINVAL");
    CHECK(remap(machine, 0, 2, 2, fixed | mremap_dontunmap, 20) == "EINVAL");
    CHECK(remap(machine, 0, 2, 2, fixed, 20) == "20");
    CHECK(machine.layout(base_address) == Lines{"20-22 r-xp"});
}

TEST_CASE("mremap: out of frames for page tables at each allocation in turn, nothing has moved") {
    bool succeeded = false;
    for (std::uint64_t successes = 0; !succeeded; ++successes) {
        CAPTURE(successes);
        Machine machine;
        REQUIRE(machine.map(page(0), 2).has_value());
        write_byte(machine, 0, 3);
        const VirtAddr far = VirtAddr(0x7000'0000'0000) + 511 * page_size;  // across two tables
        write_byte(machine, 1, 4);
        machine.memory.buddy().fail_after(successes);
        const auto moved = machine.mm->remap(RemapRequest{page(0), 2 * page_size, 2 * page_size, fixed, far});
        machine.memory.buddy().fail_after(std::nullopt);
        CHECK(machine.broken() == "");
        succeeded = moved.has_value();
        if (!succeeded) {
            CHECK(outcome(moved) == "ENOMEM");
            CHECK(machine.layout(base_address) == Lines{"0-2 rw-p"});
            CHECK(read_byte(machine, 0) == 3);
        } else {
            CHECK(machine.byte(far + page_size) == std::byte{4});
        }
        REQUIRE(successes < 10);
    }
}

TEST_CASE("remap_file_pages: another part of the file at the same place") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 8, read_write, map_shared | map_anonymous | map_fixed).has_value());
    for (std::uint64_t i = 0; i < 8; ++i) write_byte(machine, i, static_cast<unsigned>(i + 1));
    const auto call = [&](std::uint64_t at, std::uint64_t bytes, std::uint64_t prot, std::uint64_t pgoff) {
        auto text = outcome(mm.remap_file_pages(page(at) + 5, bytes, prot, pgoff));
        CHECK(machine.broken() == "");
        return text;
    };
    CHECK(call(0, 2 * page_size, 0, 4) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-2 rw-s", "2-8 rw-s"});
    CHECK(read_byte(machine, 0) == 5);
    CHECK(call(0, page_size, 1, 4) == "EINVAL");
    CHECK(call(0, page_size - 1, 0, 4) == "EINVAL");
    CHECK(call(0, 2 * page_size, 0, ~std::uint64_t{0}) == "EINVAL");
    CHECK(call(20, page_size, 0, 0) == "EINVAL");
    CHECK(call(6, 4 * page_size, 0, 0) == "EINVAL");
    CHECK(call(1, 3 * page_size, 0, 0) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-s", "1-4 rw-s", "4-8 rw-s"});
    REQUIRE(machine.map(page(20), 2).has_value());
    CHECK(call(20, page_size, 0, 0) == "EINVAL");
}

TEST_CASE("mremap: MREMAP_DONTUNMAP of untouched memory to right behind itself") {
    test::Machine machine;
    const VirtAddr from = test::page(0), to = test::page(1);
    REQUIRE(machine.map(from, 1).has_value());
    const RemapRequest request{.address = from,
                               .old_bytes = page_size,
                               .new_bytes = page_size,
                               .flags = mremap_maymove | mremap_fixed | mremap_dontunmap,
                               .new_address = to};
    CHECK(machine.mm->remap(request).has_value());
    CHECK(test::sizes(*machine.mm).total == 2);
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
