// What the kernel's log says of an exception whose signal no handler of the program takes (Linux:
// debug.exception-trace; arch/x86/mm/fault.c, show_signal_msg(); arch/x86/kernel/traps.c, show_signal()).
#pragma once

#include "emu/page_fault.hpp"
#include "kernel/system.hpp"
#include "kernel/traps.hpp"

namespace fl::kernel {

// "a[7]: segfault at 0 ip ... in a[1136,401000+1000] likely on CPU 0 (core 0, socket 0)", and the code around it. Of a
// SIGBUS nothing is said. No more than RateLimit allows.
void log_segfault(System& system, const Trap& trap, VirtAddr address);
// "traps: a[7] trap divide error ip:... in a[1136,401000+1000]".
void log_exception(System& system, const Trap& trap);

}  // namespace fl::kernel
