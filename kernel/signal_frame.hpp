// The signal frame: what the kernel writes to a program's stack before it runs a handler, and reads back at
// rt_sigreturn (Linux: arch/x86/kernel/signal_64.c, arch/x86/include/uapi/asm/{sigcontext,ucontext}.h).
//
//   higher addresses
//     the interrupted program's stack, and 128 bytes below it that it may be using (red zone)
//     x87 and SSE state, 512 bytes, 64-byte aligned
//     siginfo     <- RSI     (written for SA_SIGINFO only)
//     ucontext    <- RDX
//     pretcode    <- RSP     the return address: sa_restorer, which calls rt_sigreturn
//
// RSP + 8 is a multiple of 16 in the handler, as behind a CALL. The processor has no XSAVE, so that neither
// UC_FP_XSTATE nor the magic numbers of an extended state are there.
#pragma once

#include "kernel/task.hpp"

#include <array>
#include <cstdint>

namespace fl::kernel {

// uc_flags.
inline constexpr std::uint64_t uc_sigcontext_ss = 2;
inline constexpr std::uint64_t uc_strict_restore_ss = 4;

// stack_t as the system call and the frame hold it.
struct UserStack {
    std::uint64_t base;
    std::uint32_t flags;
    std::uint32_t padding;
    std::uint64_t size_bytes;
};

// struct sigcontext_64.
struct UserSignalContext {
    std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    std::uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    std::uint16_t cs, gs, fs, ss;
    std::uint64_t error_code, trap_number, old_mask, cr2;
    std::uint64_t fpu_state;
    std::array<std::uint64_t, 8> reserved;  // never written
};

struct UserContext {
    std::uint64_t flags;
    std::uint64_t link;
    UserStack stack;
    UserSignalContext machine;
    std::uint64_t mask;
};

// siginfo_t, with the members of the kinds of signal that exist here.
struct UserSignalInfo {
    std::int32_t number;
    std::int32_t error;
    std::int32_t code;
    std::uint32_t padding;
    union {
        std::uint64_t address;
        struct {
            std::uint32_t pid, uid;
        } sender;
        struct {
            std::uint32_t pid, uid;
            std::uint64_t value;
        } queued;  // _rt
        struct {
            std::int32_t id, overrun;
            std::uint64_t value;
        } timer;
        struct {
            std::uint32_t pid, uid;
            std::int32_t status;
            std::int64_t user_ticks, system_ticks;
        } child;
        std::array<std::uint64_t, 14> all;
    };
};

struct UserSignalFrame {
    std::uint64_t return_address;
    UserContext context;
    UserSignalInfo info;
};

static_assert(sizeof(UserSignalContext) == 256 && sizeof(UserContext) == 304 && sizeof(UserSignalInfo) == 128 &&
                  sizeof(UserSignalFrame) == 440,
              "the kernel's own sizes");

UserSignalInfo user_signal_info(const SignalInfo& info);

// sigaltstack(2). EPERM on the present signal stack, EINVAL for unknown flags, ENOMEM where it is too small.
Result<void> set_alternate_stack(Task& task, const UserStack& wanted);

// Writes the frame for delivery.info and points the registers at the handler. EFAULT where the frame cannot be
// written, or the action has no SA_RESTORER: the registers are as they were.
Result<void> push_signal_frame(Task& task, const Delivery& delivery, const emu::FpuState& fpu);

// rt_sigreturn: registers, mask and signal stack as the frame at RSP - 8 says; the result is the x87 and SSE state to
// load. EFAULT: a frame that cannot be read or holds what no frame can.
Result<emu::FpuState> pop_signal_frame(Task& task);

}  // namespace fl::kernel
