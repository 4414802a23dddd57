// /proc/PID/status, stat and statm, in the formats of Linux (fs/proc/array.c and task_mmu.c). Figures of memory are the
// process's own; the rest is what an idle process has that leads a group and a session without a terminal.
#pragma once

#include "kernel/clock.hpp"
#include "kernel/task.hpp"
#include "mm/fault_event.hpp"

#include <string>

namespace fl::kernel {

std::string proc_statm(const mm::MmStruct& mm);
std::string proc_status(const Task& task);
std::string proc_stat(const Task& task, const mm::FaultCounters& faults, const CpuTime& time);

}  // namespace fl::kernel
