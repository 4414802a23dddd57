// The smaller files of /proc/PID: what the program was started with, its limits, how the out-of-memory killer sees it.
#pragma once

#include "emu/ram.hpp"
#include "kernel/task.hpp"

#include <string>

namespace fl::kernel {

// The program's own bytes between arg_start and arg_end, env_start and env_end, as they are now. A program that wrote
// over the end of its arguments (setproctitle) shows one string that goes on in its environment (fs/proc/base.c,
// get_mm_cmdline).
std::string proc_cmdline(const emu::Ram& ram, const mm::MmStruct& mm);
std::string proc_environ(const emu::Ram& ram, const mm::MmStruct& mm);
// Pairs of 64-bit words, AT_NULL included.
std::string proc_auxv(const mm::MmStruct& mm);
std::string proc_comm(const Task& task);
// fs/proc/base.c, proc_pid_limits.
std::string proc_limits(const LimitTable& limits);
// oom_badness() against all memory and swap, scaled to 0..2000 (fs/proc/base.c, proc_oom_score).
std::string proc_oom_score(const Process& process, const mm::PhysicalMemory& memory);

}  // namespace fl::kernel
