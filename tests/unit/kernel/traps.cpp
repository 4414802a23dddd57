#include "kernel/traps.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::kernel;
using emu::Access;
using emu::Mode;
using emu::PageFault;
using emu::Vector;
using mm::FaultKind;

namespace {

constexpr std::uint64_t rip = 0x40'1234;

std::optional<Trap> exception(Vector vector, InstructionStart instruction = {}, const emu::FpuState& fpu = {}) {
    emu::Registers registers;
    registers.rip = rip;
    return trap_of_exception(vector, registers, fpu, instruction, 0x77);
}

}  // namespace

TEST_CASE("page faults as signals") {
    const PageFault fault{VirtAddr(0x1234), Access::write, Mode::user, 6};
    Trap trap = trap_of_fault(fault, FaultKind::segv_maperr);
    CHECK(trap.signal.number == SIGSEGV);
    CHECK(trap.signal.code == SEGV_MAPERR);
    CHECK(trap.signal.address == 0x1234);
    CHECK(trap.state.number == 14);
    CHECK(trap.state.error_code == 6);
    CHECK(trap.state.address == 0x1234);
    CHECK(trap_of_fault(fault, FaultKind::segv_accerr).signal.code == SEGV_ACCERR);
    trap = trap_of_fault(fault, FaultKind::sigbus);
    CHECK(trap.signal.number == SIGBUS);
    CHECK(trap.signal.code == BUS_ADRERR);
}

TEST_CASE("an access to the kernel's half looks forbidden, whatever is there") {
    for (const std::uint64_t address : {0x7fff'ffff'f000ULL, 0xffff'8880'0000'1234ULL}) {
        const PageFault fault{VirtAddr(address), Access::read, Mode::user, 4};
        const Trap trap = trap_of_fault(fault, FaultKind::segv_maperr);
        CHECK(trap.state.error_code == 5);
        CHECK(trap.state.address == address);
        CHECK(trap.signal.code == SEGV_MAPERR);
    }
}

// As measured on Linux 6.18.
TEST_CASE("exceptions as signals") {
    struct Expected {
        Vector vector;
        int number, code;
        std::uint64_t address;
    };
    for (const Expected& e :
         {Expected{Vector::divide_error, SIGFPE, FPE_INTDIV, rip},
          Expected{Vector::invalid_opcode, SIGILL, ILL_ILLOPN, rip}, Expected{Vector::breakpoint, SIGTRAP, 0x80, 0},
          Expected{Vector::debug, SIGTRAP, TRAP_TRACE, rip}, Expected{Vector::general_protection, SIGSEGV, 0x80, 0},
          Expected{Vector::overflow, SIGSEGV, 0x80, 0}, Expected{Vector::stack_fault, SIGBUS, 0x80, 0},
          Expected{Vector::alignment_check, SIGBUS, BUS_ADRALN, 0}}) {
        CAPTURE(static_cast<int>(e.vector));
        const auto trap = exception(e.vector);
        REQUIRE(trap.has_value());
        CHECK(trap->signal.number == e.number);
        CHECK(trap->signal.code == e.code);
        CHECK(trap->signal.address == e.address);
        CHECK(trap->state.number == static_cast<std::uint64_t>(e.vector));
        CHECK(trap->state.error_code == 0);
        CHECK(trap->state.address == 0x77);  // CR2 stays what the last page fault left
    }
}

TEST_CASE("#GP of INT n names the gate") {
    CHECK(exception(Vector::general_protection, {0xcd, 0x81})->state.error_code == 0x40a);
    CHECK(exception(Vector::general_protection, {0xf4, 0xcd})->state.error_code == 0);
}

TEST_CASE("x87 and SSE exceptions: the first that is not masked") {
    emu::FpuState fpu;
    fpu.fcw = 0x37f & ~0x4;
    fpu.fsw = 0x4;
    CHECK(exception(Vector::x87_error, {}, fpu)->signal.code == FPE_FLTDIV);
    fpu.fsw = 0x1;
    CHECK_FALSE(exception(Vector::x87_error, {}, fpu).has_value());
    const auto simd_code = [](std::uint32_t raised) {
        emu::FpuState state;
        state.mxcsr = raised;  // all unmasked
        return exception(Vector::simd_error, {}, state)->signal.code;
    };
    CHECK(simd_code(0x01) == FPE_FLTINV);
    CHECK(simd_code(0x02) == FPE_FLTUND);
    CHECK(simd_code(0x04) == FPE_FLTDIV);
    CHECK(simd_code(0x08) == FPE_FLTOVF);
    CHECK(simd_code(0x10) == FPE_FLTUND);
    CHECK(simd_code(0x20) == FPE_FLTRES);
    CHECK(simd_code(0x24) == FPE_FLTDIV);
}

TEST_CASE("the resume flag is set for faults, not for traps") {
    CHECK(sets_resume_flag(Vector::invalid_opcode));
    CHECK(sets_resume_flag(Vector::divide_error));
    CHECK_FALSE(sets_resume_flag(Vector::breakpoint));
    CHECK_FALSE(sets_resume_flag(Vector::debug));
}
