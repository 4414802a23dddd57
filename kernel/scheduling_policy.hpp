// How a task is scheduled, as sched_setscheduler(2), nice(2) and ioprio_set(2) set it.
//
// SCHED_FIFO and SCHED_RR go before all others, the higher priority first; a nice value is kept and told, and changes
// nothing.
#pragma once

#include <cstdint>

namespace fl::kernel {

struct SchedulingPolicy {
    static constexpr int other = 0, fifo = 1, round_robin = 2, batch = 3, idle = 5, deadline = 6;  // SCHED_
    static constexpr std::uint32_t max_priority = 99;

    int policy = other;
    std::uint32_t priority = 0;  // 1 to 99 for FIFO and RR, else 0
    int nice = 0;                // -20 to 19
    bool reset_on_fork = false;
    std::uint32_t io_priority = 0;  // as ioprio_set(2) has it; 0: by the nice value

    bool is_realtime() const { return policy == fifo || policy == round_robin; }
    // What a new task starts with (sched_fork).
    SchedulingPolicy of_child() const {
        if (!reset_on_fork) return *this;
        SchedulingPolicy child = *this;
        if (is_realtime()) child.policy = other, child.priority = 0, child.nice = 0;
        if (child.nice < 0) child.nice = 0;
        child.reset_on_fork = false;
        return child;
    }
};

}  // namespace fl::kernel
