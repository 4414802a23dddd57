// /proc/PID/fd, fdinfo and map_files: the files that a process has open or mapped, as links (Linux: fs/proc/fd.c,
// fs/proc/base.c).
//
// A link leads to the open file itself, never by a path, and so never to anything that the process could not reach.
#pragma once

#include "kernel/procfs.hpp"

namespace fl::kernel {

void add_descriptor_directories(ProcFs& proc);

}  // namespace fl::kernel
