// What the OOM killer says in the kernel's log (Linux: mm/oom_kill.c, dump_header() and __oom_kill_process();
// mm/show_mem.c).
#pragma once

#include "kernel/kernel_log.hpp"
#include "kernel/processes.hpp"

namespace fl::kernel {

// Who could not get a frame, where memory is, who has how much of it, and who ends for it. `asker` may be nullptr: the
// kernel itself.
void log_oom(KernelLog& log, const Processes& processes, const mm::PhysicalMemory& memory, const Process* asker,
             const Process& victim);
// "Killed process 7 (a) total-vm:...".
std::string killed_text(const Process& victim);
// What it still has once the OOM reaper took what was its alone.
void log_oom_reaped(KernelLog& log, const Process& victim, const mm::MmStruct& mm);

}  // namespace fl::kernel
