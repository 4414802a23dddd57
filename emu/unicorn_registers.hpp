// A Unicorn engine's registers, as plain data.
#pragma once

#include "emu/registers.hpp"

#include <unicorn/unicorn.h>

namespace fl::emu {

void load_registers(uc_engine* engine, Registers& registers);
// Writes what differs from `held`, which is what the engine holds, before and after. Of RFLAGS user code has only its
// own bits.
void store_registers(uc_engine* engine, Registers& held, const Registers& registers);

FpuState load_fpu_state(uc_engine* engine);
void store_fpu_state(uc_engine* engine, const FpuState& state);

}  // namespace fl::emu
