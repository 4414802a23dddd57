#include "emu/unicorn_registers.hpp"

#include "emu/unicorn_error.hpp"

namespace fl::emu {

namespace {

// Order matches `register_pointers`.
constexpr std::array<int, 20> register_ids = {
    UC_X86_REG_RAX, UC_X86_REG_RBX, UC_X86_REG_RCX,    UC_X86_REG_RDX,     UC_X86_REG_RSI,
    UC_X86_REG_RDI, UC_X86_REG_RBP, UC_X86_REG_RSP,    UC_X86_REG_R8,      UC_X86_REG_R9,
    UC_X86_REG_R10, UC_X86_REG_R11, UC_X86_REG_R12,    UC_X86_REG_R13,     UC_X86_REG_R14,
    UC_X86_REG_R15, UC_X86_REG_RIP, UC_X86_REG_RFLAGS, UC_X86_REG_FS_BASE, UC_X86_REG_GS_BASE};

std::array<std::uint64_t*, register_ids.size()> register_pointers(Registers& r) {
    return {&r.rax, &r.rbx, &r.rcx, &r.rdx, &r.rsi, &r.rdi, &r.rbp, &r.rsp,    &r.r8,      &r.r9,
            &r.r10, &r.r11, &r.r12, &r.r13, &r.r14, &r.r15, &r.rip, &r.rflags, &r.fs_base, &r.gs_base};
}

}  // namespace

void load_registers(uc_engine* engine, Registers& registers) {
    auto pointers = register_pointers(registers);
    std::array<void*, register_ids.size()> targets{};
    for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = pointers[i];
    std::array<int, register_ids.size()> ids = register_ids;
    must(uc_reg_read_batch(engine, ids.data(), targets.data(), static_cast<int>(ids.size())), "to read registers");
}

void store_registers(uc_engine* engine, Registers& held, const Registers& registers) {
    Registers wanted = registers;
    wanted.rflags = (wanted.rflags & rflags_user_mask) | rflags_fixed;
    auto new_values = register_pointers(wanted);
    auto old_values = register_pointers(held);
    std::array<int, register_ids.size()> ids{};
    std::array<void*, register_ids.size()> values{};
    int count = 0;
    for (std::size_t i = 0; i < register_ids.size(); ++i) {
        if (*new_values[i] == *old_values[i]) continue;
        ids[static_cast<std::size_t>(count)] = register_ids[i];
        values[static_cast<std::size_t>(count)] = new_values[i];
        ++count;
    }
    if (count > 0) must(uc_reg_write_batch(engine, ids.data(), values.data(), count), "to write registers");
    held = wanted;
}

FpuState load_fpu_state(uc_engine* engine) {
    FpuState state;
    std::uint16_t tags = 0;
    must(uc_reg_read(engine, UC_X86_REG_FPCW, &state.fcw), "to read FPCW");
    must(uc_reg_read(engine, UC_X86_REG_FPSW, &state.fsw), "to read FPSW");
    must(uc_reg_read(engine, UC_X86_REG_FPTAG, &tags), "to read FPTAG");
    must(uc_reg_read(engine, UC_X86_REG_MXCSR, &state.mxcsr), "to read MXCSR");
    for (int i = 0; i < 8; ++i) {
        must(uc_reg_read(engine, UC_X86_REG_ST0 + i, state.st[static_cast<std::size_t>(i)].data()), "to read ST");
        // Two tag bits a register, 3 = empty (SDM vol. 1, 8.1.7); FXSAVE keeps one bit, 1 = in use.
        if (((tags >> (2 * i)) & 3) != 3) state.ftw |= static_cast<std::uint8_t>(1U << i);
    }
    for (int i = 0; i < 16; ++i) {
        must(uc_reg_read(engine, UC_X86_REG_XMM0 + i, state.xmm[static_cast<std::size_t>(i)].data()), "to read XMM");
    }
    return state;
}

void store_fpu_state(uc_engine* engine, const FpuState& state) {
    // The status word carries TOP, which decides what ST(i) names: write it first.
    must(uc_reg_write(engine, UC_X86_REG_FPCW, &state.fcw), "to write FPCW");
    must(uc_reg_write(engine, UC_X86_REG_FPSW, &state.fsw), "to write FPSW");
    std::uint16_t tags = 0;
    for (int i = 0; i < 8; ++i) {
        must(uc_reg_write(engine, UC_X86_REG_ST0 + i, state.st[static_cast<std::size_t>(i)].data()), "to write ST");
        if ((state.ftw & (1U << i)) == 0) tags |= static_cast<std::uint16_t>(3U << (2 * i));
    }
    must(uc_reg_write(engine, UC_X86_REG_FPTAG, &tags), "to write FPTAG");
    must(uc_reg_write(engine, UC_X86_REG_MXCSR, &state.mxcsr), "to write MXCSR");
    for (int i = 0; i < 16; ++i) {
        must(uc_reg_write(engine, UC_X86_REG_XMM0 + i, state.xmm[static_cast<std::size_t>(i)].data()), "to write XMM");
    }
}

}  // namespace fl::emu
