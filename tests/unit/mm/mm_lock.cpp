#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

namespace {

PageCount locked(const Machine& machine) { return machine.mm->vm().locked; }

}  // namespace

TEST_CASE("mlock: each errno, in order") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 4).has_value());
    mm.limits().locked_bytes = 0;
    CHECK(outcome(mm.lock(page(50), page_size, VmFlags())) == "EPERM");
    mm.limits().locked_bytes = 2 * page_size;
    CHECK(outcome(mm.lock(page(50), 3 * page_size, VmFlags())) == "ENOMEM");
    CHECK(outcome(mm.lock(page(0), 3 * page_size, VmFlags())) == "ENOMEM");
    CHECK(locked(machine) == PageCount(0));
    CHECK(outcome(mm.lock(page(0), 2 * page_size, VmFlags())) == "ok");
    // What is locked already does not count twice.
    CHECK(outcome(mm.lock(page(0), 2 * page_size, VmFlags())) == "ok");
    CHECK(outcome(mm.lock(page(1), 2 * page_size, VmFlags())) == "ENOMEM");
    CHECK(locked(machine) == PageCount(2));
    mm.limits().privilege = Privilege::root;
    CHECK(outcome(mm.lock(page(1), 2 * page_size, VmFlags())) == "ok");
    CHECK(locked(machine) == PageCount(3));
    CHECK(outcome(mm.lock(page(50), 0, VmFlags())) == "ok");
    CHECK(outcome(mm.lock(page(50), page_size, VmFlags())) == "ENOMEM");
    CHECK(outcome(mm.lock(page(0), ~std::uint64_t{0}, VmFlags())) == "ok");  // rounds to nothing
    CHECK(outcome(mm.lock(page(0), ~std::uint64_t{0} - page_size, VmFlags())) == "EINVAL");
    CHECK(outcome(mm.unlock(page(0), ~std::uint64_t{0} - page_size)) == "EINVAL");
    CHECK(machine.broken() == "");
}

TEST_CASE("mlock: covers every page that the range touches, splits and merges") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 6).has_value());
    REQUIRE(mm.lock(page(1) + 100, page_size, VmFlags()).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-3 rw-p", "3-6 rw-p"});
    CHECK(locked(machine) == PageCount(2));
    CHECK(machine.broken() == "");
    REQUIRE(mm.lock(page(2), 2 * page_size, vm_lockonfault).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-2 rw-p", "2-4 rw-p", "4-6 rw-p"});
    CHECK(locked(machine) == PageCount(3));
    REQUIRE(mm.unlock(page(0), 6 * page_size).has_value());
    CHECK(machine.layout(base_address) == Lines{"0-6 rw-p"});
    CHECK(locked(machine) == PageCount(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("mlock: what lies before a hole is locked although the call fails") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(3), 2).has_value());
    CHECK(outcome(machine.mm->lock(page(0), 5 * page_size, VmFlags())) == "ENOMEM");
    CHECK(locked(machine) == PageCount(2));
    CHECK(outcome(machine.mm->unlock(page(1), 4 * page_size)) == "ENOMEM");
    CHECK(locked(machine) == PageCount(1));
    REQUIRE(machine.mm->unmap(page(0), 5 * page_size).has_value());
    CHECK(locked(machine) == PageCount(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("mlockall: now, later, on fault, and back") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    mm.limits().locked_bytes = 6 * page_size;
    for (const std::uint64_t flags : {std::uint64_t{0}, mcl_onfault, std::uint64_t{8}}) {
        CHECK(outcome(mm.lock_all(flags)) == "EINVAL");
    }
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(4), 2).has_value());
    CHECK(outcome(mm.lock_all(mcl_current)) == "ok");
    CHECK(locked(machine) == PageCount(4));
    REQUIRE(machine.map(page(8), 4).has_value());
    CHECK(locked(machine) == PageCount(4));
    // All that there is would be too much; what is to come is asked about when it comes.
    CHECK(outcome(mm.lock_all(mcl_current)) == "ENOMEM");
    CHECK(outcome(mm.lock_all(mcl_future | mcl_onfault)) == "ok");
    CHECK(mm.def_flags() == vm_locked_mask);
    CHECK(outcome(machine.map(page(20), 3)) == "EAGAIN");
    CHECK(outcome(machine.map(page(20), 2)) == "ok");
    CHECK(locked(machine) == PageCount(6));
    CHECK(machine.broken() == "");
    CHECK(outcome(mm.lock_all(mcl_future)) == "ok");
    CHECK(mm.def_flags() == vm_locked);
    mm.limits().locked_bytes = 0;
    CHECK(outcome(mm.lock_all(mcl_current)) == "EPERM");
    mm.unlock_all();
    CHECK(mm.def_flags() == VmFlags());
    CHECK(locked(machine) == PageCount(0));
    CHECK(outcome(machine.map(page(30), 3)) == "ok");
    CHECK(machine.broken() == "");
}

TEST_CASE("mlockall: the heap and the stack grow under it, inside the limit") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    mm.set_start_brk(page(0));
    REQUIRE(mm.map_stack(page(900), 2 * page_size, false).has_value());
    mm.limits().locked_bytes = 4 * page_size;
    REQUIRE(mm.lock_all(mcl_current | mcl_future).has_value());
    CHECK(mm.set_brk(page(3)) == page(0));
    CHECK(mm.set_brk(page(1)) == page(1));
    CHECK(locked(machine) == PageCount(3));
    CHECK(machine.write(page(896)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.write(page(897)) == Kinds{FaultKind::stack_grow});
    CHECK(locked(machine) == PageCount(4));
    CHECK(machine.broken() == "");
}

TEST_CASE("populate: brings in what the rights allow, and says what went wrong") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    UserMemory user = machine.user();
    constexpr auto stop = UserMemory::Failures::stop;
    constexpr auto pass_over = UserMemory::Failures::pass_over;
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(2), 2, prot_read).has_value());
    REQUIRE(machine.map(page(4), 2, 0).has_value());
    REQUIRE(machine.map(page(6), 2, prot_write).has_value());
    CHECK(outcome(user.populate(VirtRange{page(0), page(8)}, stop)) == "EFAULT");
    CHECK(machine.pte(page(1)).writable());
    CHECK(machine.pte(page(3)).pfn() == machine.memory.zero_page());
    CHECK(machine.pte(page(6)).is_none());
    CHECK(outcome(user.populate(VirtRange{page(0), page(8)}, pass_over)) == "ok");
    CHECK(machine.pte(page(7)).writable());
    CHECK(machine.broken() == "");
    REQUIRE(machine.map(page(10), 2).has_value());
    REQUIRE(mm.lock(page(10), page_size, vm_lockonfault).has_value());
    CHECK(outcome(user.populate(VirtRange{page(10), page(12)}, stop)) == "ok");
    CHECK(machine.pte(page(10)).is_none());
    CHECK(machine.pte(page(11)).is_present());
    machine.memory.buddy().fail_after(0);
    REQUIRE(machine.map(page(20), 2).has_value());
    CHECK(outcome(user.populate(VirtRange{page(20), page(22)}, stop)) == "ENOMEM");
    CHECK(outcome(user.populate_for(VirtRange{page(20), page(22)}, emu::Access::write)) == "ENOMEM");
    machine.memory.buddy().fail_after(std::nullopt);
    CHECK(machine.broken() == "");
}

TEST_CASE("populate: MADV_POPULATE_READ and _WRITE") {
    Machine machine;
    UserMemory user = machine.user();
    const auto populate = [&](std::uint64_t first, std::uint64_t end, emu::Access access) {
        return outcome(user.populate_for(VirtRange{page(first), page(end)}, access));
    };
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(2), 2, prot_read).has_value());
    REQUIRE(machine.map(page(4), 2, prot_write).has_value());
    CHECK(populate(0, 4, emu::Access::read) == "ok");
    CHECK(machine.pte(page(0)).pfn() == machine.memory.zero_page());
    CHECK(populate(0, 4, emu::Access::write) == "EINVAL");
    CHECK(machine.pte(page(1)).writable());
    CHECK(populate(4, 6, emu::Access::read) == "EINVAL");
    CHECK(populate(4, 6, emu::Access::write) == "ok");
    CHECK(populate(4, 7, emu::Access::write) == "ENOMEM");
    CHECK(populate(7, 8, emu::Access::write) == "ENOMEM");
    REQUIRE(machine.mm->advise(page(0), page_size, 102).has_value());
    CHECK(populate(0, 2, emu::Access::read) == "EFAULT");
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
