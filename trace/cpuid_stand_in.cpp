#include "trace/cpuid_stand_in.hpp"

#include <sys/ptrace.h>
#include <sys/user.h>

namespace fl::trace {

namespace {

constexpr std::uint64_t cpuid_bytes = 2;
// DR7: breakpoint 0 on, at execution (Intel SDM vol. 3B, 19.2.4).
constexpr unsigned long enable_first_breakpoint = 1;

void set_debug_register(pid_t pid, std::size_t number, unsigned long value) {
    const std::size_t offset = offsetof(struct user, u_debugreg) + number * sizeof(value);
    ::ptrace(PTRACE_POKEUSER, pid, offset, value);
}

}  // namespace

void CpuidStandIn::arm(pid_t pid) const {
    constexpr std::size_t control = 7;
    set_debug_register(pid, control, 0);
    if (left() == 0) return;
    set_debug_register(pid, 0, sites_[next_].value());
    set_debug_register(pid, control, enable_first_breakpoint);
}

bool CpuidStandIn::answer(pid_t pid) {
    user_regs_struct registers{};
    if (left() == 0 || ::ptrace(PTRACE_GETREGS, pid, nullptr, &registers) != 0) return false;
    if (VirtAddr(registers.rip) != sites_[next_]) return false;
    // A breakpoint at the instruction that the program goes on with would be passed over.
    while (left() > 0 && VirtAddr(registers.rip) == sites_[next_]) {
        const emu::CpuidAnswer answer =
            cpuid_.read(static_cast<std::uint32_t>(registers.rax), static_cast<std::uint32_t>(registers.rcx));
        registers.rax = answer.eax;
        registers.rbx = answer.ebx;
        registers.rcx = answer.ecx;
        registers.rdx = answer.edx;
        registers.rip += cpuid_bytes;
        ++next_;
    }
    ::ptrace(PTRACE_SETREGS, pid, nullptr, &registers);
    arm(pid);
    return true;
}

}  // namespace fl::trace
