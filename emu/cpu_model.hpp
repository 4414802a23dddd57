// The processor that programs see.
#pragma once

#include <unicorn/unicorn.h>

namespace fl::emu {

// x86-64-v2 without AVX and RDRAND: later models execute RDRAND with the host's randomness, past any hook.
inline constexpr int cpu_model = UC_CPU_X86_NEHALEM;

}  // namespace fl::emu
