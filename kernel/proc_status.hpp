// /proc/PID/status, stat and statm, in the formats of Linux (fs/proc/array.c and task_mmu.c). Figures of memory are the
// process's own.
#pragma once

#include "kernel/task.hpp"

#include <string>

namespace fl::kernel {

std::string proc_statm(const mm::MmStruct& mm);
// `queued_signals`: those of the task's user, of all its processes.
std::string proc_status(const Task& task, std::size_t queued_signals);
// `own` is what the task or, where it stands for its process, all its threads have used.
std::string proc_stat(const Task& task, const Usage& own);
// What is left to say of a process that is over and not waited for.
std::string proc_zombie_status(const Process& process);
std::string proc_zombie_stat(const Process& process);
// What the kernel gave and took: /proc/PID/io.
std::string proc_io(const Usage& usage);

}  // namespace fl::kernel
