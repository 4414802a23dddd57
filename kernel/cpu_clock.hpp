// CpuClock: what a task, or all tasks of a process, have used of the processor, as a clock that timers can be set by
// (Linux: struct posix_cputimers).
//
// It shows what was accounted (Processes::account): who wants to know it to the instruction accounts first.
#pragma once

#include "kernel/clock.hpp"
#include "kernel/timers.hpp"

#include <cstdint>
#include <optional>

namespace fl::kernel {

struct Process;
struct Task;

enum class CpuTimeKind : std::uint8_t {
    user,  // CPUCLOCK_VIRT
    all,   // CPUCLOCK_PROF, CPUCLOCK_SCHED
};

class CpuClock {
public:
    // Must outlive the clock.
    explicit CpuClock(const Task& task) : task_(&task) {}
    explicit CpuClock(const Process& process) : process_(&process) {}

    CpuTime used() const;
    std::uint64_t now_ns(CpuTimeKind kind) const;
    Timers& timers(CpuTimeKind kind) { return kind == CpuTimeKind::user ? user_timers_ : timers_; }
    bool has_timers() const { return !user_timers_.empty() || !timers_.empty(); }
    // Timers that are due have their effect.
    void expire();
    // How much may be used before the next timer is due, 1 at least.
    std::optional<std::uint64_t> left_ns() const;

private:
    const Task* task_ = nullptr;
    const Process* process_ = nullptr;
    Timers user_timers_, timers_;
};

}  // namespace fl::kernel
