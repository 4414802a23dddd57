#include "kernel/traps.hpp"

#include <csignal>

namespace fl::kernel {

namespace {

using Detail = SignalInfo::Detail;

SignalInfo fault_signal(int number, int code, std::uint64_t address) {
    return SignalInfo{.number = number, .code = code, .detail = Detail::address, .address = address};
}

// fpu__exception_code(): the first unmasked exception in the order of the processor's priorities.
std::optional<int> floating_point_code(emu::Vector vector, const emu::FpuState& fpu) {
    const std::uint32_t raised = vector == emu::Vector::x87_error ? fpu.fsw & ~static_cast<std::uint32_t>(fpu.fcw)
                                                                  : fpu.mxcsr & ~(fpu.mxcsr >> 7);
    if ((raised & 0x01) != 0) return FPE_FLTINV;
    if ((raised & 0x04) != 0) return FPE_FLTDIV;
    if ((raised & 0x08) != 0) return FPE_FLTOVF;
    if ((raised & 0x12) != 0) return FPE_FLTUND;  // underflow, or a denormal operand
    if ((raised & 0x20) != 0) return FPE_FLTRES;
    return std::nullopt;
}

// INT n through a gate that user mode may not use names the gate in the error code: n, and the bit that says it is
// one of the interrupt table (Intel SDM vol. 3A, 6.13).
std::uint64_t general_protection_code(InstructionStart instruction) {
    constexpr std::uint8_t opcode_int = 0xcd;
    constexpr std::uint64_t idt_bit = 2;
    if (instruction[0] != opcode_int) return 0;
    return std::uint64_t{instruction[1]} << 3 | idt_bit;
}

std::optional<SignalInfo> exception_signal(emu::Vector vector, std::uint64_t rip, const emu::FpuState& fpu) {
    using emu::Vector;
    switch (vector) {
        case Vector::divide_error: return fault_signal(SIGFPE, FPE_INTDIV, rip);
        case Vector::debug: return fault_signal(SIGTRAP, TRAP_TRACE, rip);
        case Vector::breakpoint: return fault_signal(SIGTRAP, si_code_kernel, 0);
        case Vector::invalid_opcode: return fault_signal(SIGILL, ILL_ILLOPN, rip);
        case Vector::stack_fault: return fault_signal(SIGBUS, si_code_kernel, 0);
        case Vector::alignment_check: return fault_signal(SIGBUS, BUS_ADRALN, 0);
        case Vector::x87_error:
        case Vector::simd_error: {
            const auto code = floating_point_code(vector, fpu);
            if (!code) return std::nullopt;
            return fault_signal(SIGFPE, *code, rip);
        }
        case Vector::overflow:
        case Vector::bound_range:
        case Vector::general_protection:
        case Vector::page_fault: break;
    }
    return fault_signal(SIGSEGV, si_code_kernel, 0);
}

}  // namespace

Trap trap_of_fault(const emu::PageFault& fault, mm::FaultKind kind) {
    FL_ASSERT(mm::is_fatal(kind) && kind != mm::FaultKind::oom);
    const std::uint64_t address = fault.address.value();
    std::uint64_t error_code = fault.error_code;
    // What is mapped in the kernel's half is not the program's to know: every access there looks forbidden.
    if (fault.address >= mm::task_size) error_code |= emu::PageFaultCode::present;
    const TrapState state{static_cast<std::uint64_t>(emu::Vector::page_fault), error_code, address};
    // Without CONFIG_MEMORY_FAILURE a page that is called unreadable is like one that is not there.
    const bool is_bus = kind == mm::FaultKind::sigbus || kind == mm::FaultKind::poisoned;
    if (is_bus) return {fault_signal(SIGBUS, BUS_ADRERR, address), state};
    const int code = kind == mm::FaultKind::segv_accerr ? SEGV_ACCERR : SEGV_MAPERR;
    return {fault_signal(SIGSEGV, code, address), state};
}

std::optional<Trap> trap_of_exception(emu::Vector vector, const emu::Registers& registers, const emu::FpuState& fpu,
                                      InstructionStart instruction, std::uint64_t previous_cr2) {
    const auto signal = exception_signal(vector, registers.rip, fpu);
    if (!signal) return std::nullopt;
    const std::uint64_t code = vector == emu::Vector::general_protection ? general_protection_code(instruction) : 0;
    return Trap{*signal, TrapState{static_cast<std::uint64_t>(vector), code, previous_cr2}};
}

bool sets_resume_flag(emu::Vector vector) {
    switch (vector) {
        case emu::Vector::debug:
        case emu::Vector::breakpoint:
        case emu::Vector::overflow: return false;
        default: return true;
    }
}

}  // namespace fl::kernel
