// The user-visible register file of the processor, as plain data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fl::emu {

// CS and SS in user mode (Linux: __USER_CS, __USER_DS).
inline constexpr std::uint16_t user_cs = 0x33;
inline constexpr std::uint16_t user_ss = 0x2b;

// RFLAGS bits that user code may change (Linux: FIX_EFLAGS): OF DF TF SF ZF AF PF CF RF AC.
inline constexpr std::uint64_t rflags_user_mask = 0x5'0dd5;
// Bit 1 reads as one, IF is always set in user mode.
inline constexpr std::uint64_t rflags_fixed = 0x202;

struct Registers {
    std::uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, rbp = 0, rsp = 0;
    std::uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
    std::uint64_t rip = 0;
    std::uint64_t rflags = rflags_fixed;
    std::uint64_t fs_base = 0, gs_base = 0;

    friend bool operator==(const Registers&, const Registers&) = default;
};

// x87 and SSE state in the layout of FXSAVE64 (Intel SDM vol. 1, table 10-2), as signal frames hold it.
struct alignas(16) FpuState {
    std::uint16_t fcw = 0x37f;
    std::uint16_t fsw = 0;
    std::uint8_t ftw = 0;  // abridged: bit i set = physical register i holds a value
    std::uint8_t reserved = 0;
    std::uint16_t fop = 0;
    std::uint64_t fip = 0;
    std::uint64_t fdp = 0;
    std::uint32_t mxcsr = 0x1f80;
    std::uint32_t mxcsr_mask = 0xffff;
    std::array<std::array<std::uint8_t, 16>, 8> st{};    // ST(0) .. ST(7), ten bytes used of each
    std::array<std::array<std::uint8_t, 16>, 16> xmm{};  // XMM0 .. XMM15
    std::array<std::uint8_t, 96> unused{};
};

static_assert(sizeof(FpuState) == 512 && offsetof(FpuState, mxcsr) == 24 && offsetof(FpuState, st) == 32 &&
                  offsetof(FpuState, xmm) == 160,
              "FXSAVE64 layout");

}  // namespace fl::emu
