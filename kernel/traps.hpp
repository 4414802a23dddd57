// Traps: what the processor raised, as the signal that a Linux program gets for it (arch/x86/kernel/traps.c,
// arch/x86/mm/fault.c).
#pragma once

#include "emu/cpu.hpp"
#include "kernel/task.hpp"
#include "mm/fault_event.hpp"

#include <array>
#include <optional>

namespace fl::kernel {

struct Trap {
    SignalInfo signal;
    TrapState state;
};

// `kind` is fatal and not FaultKind::oom.
Trap trap_of_fault(const emu::PageFault& fault, mm::FaultKind kind);

// The instruction at RIP, as far as #GP depends on it.
using InstructionStart = std::array<std::uint8_t, 2>;

// `previous_cr2` stays, as only page faults change it. nullopt: an x87 or SSE exception without a cause, which is
// passed over.
std::optional<Trap> trap_of_exception(emu::Vector vector, const emu::Registers& registers, const emu::FpuState& fpu,
                                      InstructionStart instruction, std::uint64_t previous_cr2);

// The processor sets RFLAGS.RF in what it saves for a fault, and not for a trap that ends its instruction.
bool sets_resume_flag(emu::Vector vector);
inline constexpr std::uint64_t rflags_resume = 0x1'0000;

}  // namespace fl::kernel
