// cond_resched(): how a kernel thread with much to do lets others have the processor.
#pragma once

#include "kernel/clock.hpp"
#include "kernel/scheduler.hpp"

#include <cstdint>

namespace fl::kernel {

// Between two steps of `task`'s work, which began at `since_ns` (Clock::elapsed_ns()): whoever comes before it runs, or
// once its time slice is over everybody who is ready, and then a new one begins.
inline void cond_resched(Scheduler& scheduler, const Clock& clock, Task& task, std::uint64_t& since_ns) {
    scheduler.tick();
    if (clock.elapsed_ns() - since_ns < Scheduler::time_slice_instructions) {
        scheduler.preempt_for_higher(task);
    } else {
        scheduler.slice_over(task);
        since_ns = clock.elapsed_ns();
    }
}

}  // namespace fl::kernel
