#include "kernel/crash.hpp"

#include "mm/mm_struct.hpp"

#include "tests/unit/mm/machine.hpp"

#include <csignal>
#include <cstring>

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;
using emu::Access;
using kernel::Crash;
using kernel::CrashReason;
using kernel::CrashTrap;
using kernel::SignalInfo;

namespace fl::kernel {

inline std::ostream& operator<<(std::ostream& out, CrashReason reason) { return out << static_cast<int>(reason); }

}  // namespace fl::kernel

namespace {

constexpr VirtAddr lonely{0x2000'0000'0000};

struct Accused {
    Machine machine{256};
    VirtAddr stack_pointer = stack_top - 0x100;

    Accused() {
        machine.mm->set_start_brk(page(0));
        REQUIRE(machine.mm->set_brk(page(2)) == page(2));
        REQUIRE(machine.mm->map_stack(stack_top, 2 * page_size, false).has_value());
        ImageBounds bounds;
        bounds.start_stack = stack_top - 0x100;
        machine.mm->set_bounds(bounds);
    }

    void note(MappingChange::Effect effect, VirtRange range) {
        machine.mm->history().note({.effect = effect, .call = "call", .range = range});
    }
    Crash examine(VirtAddr address, Access access = Access::read) {
        const Kinds kinds = address.canonical() ? machine.touch(address, access) : Kinds{};
        CrashTrap trap{
            .signal = {.number = SIGSEGV}, .registers = {}, .address = address, .access = access, .kind = {}};
        trap.registers.rsp = stack_pointer.value();
        trap.registers.rip = access == Access::execute ? address.value() : 0x401000;
        if (!kinds.empty() && is_fatal(kinds.back())) trap.kind = kinds.back();
        return kernel::examine_crash(*machine.mm, trap);
    }
    CrashReason reason(VirtAddr address, Access access = Access::read) { return examine(address, access).reason; }
};

}  // namespace

TEST_CASE("crash: null pointers, up to where something could be mapped") {
    Accused accused;
    CHECK(accused.reason(VirtAddr(0)) == CrashReason::null_pointer);
    CHECK(accused.reason(VirtAddr(0x18), Access::write) == CrashReason::null_pointer);
    CHECK(accused.reason(VirtAddr(0), Access::execute) == CrashReason::null_pointer);
    CHECK(accused.reason(mmap_min_addr - 1) == CrashReason::null_pointer);
    CHECK(accused.reason(mmap_min_addr) == CrashReason::wild_pointer);
}

TEST_CASE("crash: the kernel's half, and what is in neither half") {
    Accused accused;
    CHECK(accused.reason(VirtAddr(0xffff'8880'0000'0000)) == CrashReason::kernel_address);
    CHECK(accused.reason(task_size) == CrashReason::kernel_address);
    CHECK(accused.reason(VirtAddr(0x8000'0000'0000)) == CrashReason::non_canonical);
    CHECK(accused.reason(VirtAddr(0x6867'6665'6463'6261)) == CrashReason::non_canonical);
}

TEST_CASE("crash: an exception without an address is about the instruction") {
    Accused accused;
    const CrashTrap trap{
        .signal = {.number = SIGSEGV}, .registers = {}, .address = VirtAddr(0), .access = Access::read, .kind = {}};
    const Crash crash = kernel::examine_crash(*accused.machine.mm, trap);
    CHECK(crash.reason == CrashReason::privileged);
    CHECK(!crash.holder);
    CHECK(!crash.above);
}

TEST_CASE("crash: the stack at its limit, blocked, and what only looks like it") {
    Accused accused;
    const VirtAddr limit = stack_top - accused.machine.mm->limits().stack_bytes;
    accused.stack_pointer = limit - 8;
    CHECK(accused.reason(limit - 8, Access::write) == CrashReason::stack_limit);
    // A large frame reaches far below the last page, but not far from the stack pointer.
    accused.stack_pointer = limit - 0x8000;
    CHECK(accused.reason(limit - 0x8000, Access::write) == CrashReason::stack_limit);
    // As far down, with the stack pointer elsewhere.
    accused.stack_pointer = stack_top - 0x100;
    CHECK(accused.reason(limit - 8, Access::write) == CrashReason::wild_pointer);
}

TEST_CASE("crash: something in the stack's way") {
    Accused accused;
    const VirtAddr obstacle = stack_top - 600 * page_size;
    REQUIRE(accused.machine.map(obstacle, 1));
    accused.stack_pointer = obstacle + 2 * page_size;
    CHECK(accused.reason(obstacle + 2 * page_size, Access::write) == CrashReason::stack_blocked);
}

TEST_CASE("crash: the guard below the stack of a thread") {
    Accused accused;
    REQUIRE(accused.machine.map(page(100), 1, 0));
    REQUIRE(accused.machine.map(page(101), 16));
    accused.stack_pointer = page(101) - 8;
    CHECK(accused.reason(page(101) - 8, Access::write) == CrashReason::thread_stack);
    // A stray access from far away is one to inaccessible memory.
    accused.stack_pointer = stack_top - 0x100;
    CHECK(accused.reason(page(101) - 8, Access::write) == CrashReason::inaccessible);
}

TEST_CASE("crash: inside a mapping, by its rights") {
    Accused accused;
    REQUIRE(accused.machine.map(page(100), 1, prot_read));
    REQUIRE(accused.machine.map(page(102), 1, read_write));
    REQUIRE(accused.machine.map(page(104), 1, 0));
    CHECK(accused.reason(page(100), Access::write) == CrashReason::read_only);
    CHECK(accused.reason(page(100), Access::execute) == CrashReason::not_executable);
    CHECK(accused.reason(page(102), Access::execute) == CrashReason::not_executable);
    CHECK(accused.reason(page(104)) == CrashReason::inaccessible);
    CHECK(accused.reason(page(104), Access::execute) == CrashReason::inaccessible);
    const Crash crash = accused.examine(page(100), Access::write);
    REQUIRE(crash.holder.has_value());
    CHECK(crash.holder->range.start == page(100));
    CHECK(!crash.below);
    CHECK(!crash.change);
}

TEST_CASE("crash: a change of rights is told where it is the last one") {
    Accused accused;
    REQUIRE(accused.machine.map(page(100), 3));
    accused.note(MappingChange::Effect::mapped, {page(100), page(103)});
    REQUIRE(accused.machine.mm->protect(page(101), page_size, prot_read).has_value());
    accused.note(MappingChange::Effect::protected_, {page(101), page(102)});
    const Crash crash = accused.examine(page(101), Access::write);
    CHECK(crash.reason == CrashReason::read_only);
    REQUIRE(crash.change.has_value());
    CHECK(crash.change->effect == MappingChange::Effect::protected_);
}

TEST_CASE("crash: guard pages") {
    Accused accused;
    REQUIRE(accused.machine.map(page(100), 2));
    REQUIRE(accused.machine.mm->advise(page(100), page_size, madv_guard_install).has_value());
    CHECK(accused.reason(page(100), Access::write) == CrashReason::guard_page);
}

TEST_CASE("crash: use after unmapping, and only where nothing came after it") {
    Accused accused;
    accused.note(MappingChange::Effect::mapped, {lonely, lonely + 4 * page_size});
    CHECK(accused.reason(lonely) == CrashReason::wild_pointer);
    accused.note(MappingChange::Effect::unmapped, {lonely, lonely + 2 * page_size});
    accused.note(MappingChange::Effect::moved_away, {lonely + 2 * page_size, lonely + 3 * page_size});
    CHECK(accused.reason(lonely) == CrashReason::unmapped);
    CHECK(accused.reason(lonely + 2 * page_size - 1, Access::execute) == CrashReason::unmapped);
    CHECK(accused.reason(lonely + 2 * page_size) == CrashReason::unmapped);
    CHECK(accused.reason(lonely + 3 * page_size) == CrashReason::wild_pointer);
    CHECK(accused.examine(lonely).change.has_value());
    accused.note(MappingChange::Effect::mapped, {lonely, lonely + page_size});
    CHECK(accused.reason(lonely) == CrashReason::wild_pointer);
}

TEST_CASE("crash: beside mappings, as far as near goes") {
    Accused accused;
    REQUIRE(accused.machine.map(lonely, 1));
    const VirtAddr end = lonely + page_size;
    CHECK(accused.reason(end) == CrashReason::past_mapping);
    CHECK(accused.reason(end + Crash::near_bytes - 1) == CrashReason::past_mapping);
    CHECK(accused.reason(end + Crash::near_bytes) == CrashReason::wild_pointer);
    CHECK(accused.reason(lonely - 1) == CrashReason::before_mapping);
    CHECK(accused.reason(lonely - Crash::near_bytes) == CrashReason::before_mapping);
    CHECK(accused.reason(lonely - Crash::near_bytes - 1) == CrashReason::wild_pointer);
    const Crash crash = accused.examine(end);
    REQUIRE(crash.below.has_value());
    REQUIRE(crash.above.has_value());
    CHECK(crash.below->range.end == end);
    CHECK(crash.above->name == "[stack]");
    CHECK(!crash.holder);
}

TEST_CASE("crash: past the heap") {
    Accused accused;
    CHECK(accused.reason(page(2), Access::write) == CrashReason::past_heap);
    CHECK(accused.reason(page(2) + Crash::near_bytes, Access::write) == CrashReason::wild_pointer);
}

TEST_CASE("crash: jumps to where nothing is") {
    Accused accused;
    CHECK(accused.reason(lonely, Access::execute) == CrashReason::wild_jump);
    CHECK(accused.reason(lonely) == CrashReason::wild_pointer);
}

TEST_CASE("crash: who jumped is what the top of the stack says, where that is code") {
    Accused accused;
    REQUIRE(accused.machine.map(page(100), 1, prot_read | prot_exec));
    accused.stack_pointer = stack_top - 0x100;
    const auto put = [&accused](VirtAddr value) {
        accused.machine.write(accused.stack_pointer);
        const std::uint64_t bytes = value.value();
        std::memcpy(&accused.machine.byte(accused.stack_pointer), &bytes, sizeof bytes);
    };
    put(page(100) + 0x12);
    CHECK(accused.examine(lonely, Access::execute).return_address == page(100) + 0x12);
    CHECK(accused.examine(lonely).return_address == std::nullopt);
    put(page(0));  // the heap is no code
    CHECK(accused.examine(lonely, Access::execute).return_address == std::nullopt);
}

TEST_CASE("crash: past the end of a file, and other bus errors") {
    Accused accused;
    const auto file = accused.machine.open(numbered_pages(page_size + 100));
    REQUIRE(accused.machine.map(page(100), 4, prot_read, file_private, file));
    CHECK(accused.machine.read(page(101) + 0x800).size() == 1);
    const Crash crash = accused.examine(page(102));
    CHECK(crash.reason == CrashReason::past_file);
    CHECK(crash.file_bytes == page_size + 100);
    CHECK(crash.holder.has_value());
}

TEST_CASE("death by a trap: its own signal, or its handler's failure") {
    const SignalInfo fault{.number = SIGSEGV, .code = 1, .detail = SignalInfo::Detail::address, .address = 0x123};
    const SignalInfo sent{.number = SIGSEGV, .code = 0, .detail = SignalInfo::Detail::sender};
    const SignalInfo failed{.number = SIGSEGV, .code = 0x80, .detail = SignalInfo::Detail::address};
    const CrashTrap trap{.signal = fault, .registers = {}, .address = VirtAddr(0x123), .access = {}, .kind = {}};
    CHECK(is_death_by(trap, fault));
    CHECK(!is_death_by(trap, sent));
    CHECK(!is_death_by(trap, failed));
    CHECK(is_failed_handler(trap, fault, failed));
    CHECK(!is_failed_handler(trap, sent, failed));
    CHECK(!is_failed_handler(trap, fault, sent));
    SignalInfo divide = fault;
    divide.number = SIGFPE;
    CHECK(!is_death_by(CrashTrap{.signal = divide, .registers = {}, .address = {}, .access = {}, .kind = {}}, divide));
}
