// What happens when a task has used so much of the processor: timers on CPU clocks, ITIMER_VIRTUAL, ITIMER_PROF and
// RLIMIT_CPU (Linux: run_posix_cpu_timers).
#pragma once

#include "kernel/system.hpp"

#include <cstdint>
#include <optional>

namespace fl::kernel {

// For the running task, whenever it may have used some of the processor.
void expire_cpu_timers(System& system);
// How many nanoseconds of the processor the task may use before expire_cpu_timers() has to be called; nullopt: no
// matter. An instruction takes one at least.
std::optional<std::uint64_t> cpu_time_left_ns(const System& system);

}  // namespace fl::kernel
