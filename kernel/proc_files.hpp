// What /proc holds, in parts: procfs.hpp's add_proc_files() registers them all.
#pragma once

#include "kernel/procfs.hpp"

namespace fl::kernel {

// Memory, and the process files that speak of it: maps, status, pagemap, mem, meminfo, kpagecount and the rest.
void add_memory_files(ProcFs& proc);

}  // namespace fl::kernel
