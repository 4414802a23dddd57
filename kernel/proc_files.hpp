// What /proc holds, in parts: procfs.hpp's add_proc_files() registers them all.
#pragma once

#include "kernel/procfs.hpp"

namespace fl::kernel {

// Memory, and the process files that speak of it: maps, status, pagemap, mem, meminfo, kpagecount and the rest.
void add_memory_files(ProcFs& proc);
// Descriptors, threads, accounts and the other things of a process that are not its memory.
void add_process_files(ProcFs& proc);
// The machine: its processor, its load, its mounts.
void add_machine_files(ProcFs& proc);
// /proc/sys and /sys.
void add_settings(ProcFs& proc);

}  // namespace fl::kernel
