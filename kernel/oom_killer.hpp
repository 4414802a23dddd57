// The OOM killer (Linux: mm/oom_kill.c): who has to end so that the others find memory.
#pragma once

#include "kernel/kernel_log.hpp"
#include "kernel/processes.hpp"
#include "mm/reclaimer.hpp"

#include <cstdint>
#include <functional>
#include <optional>

namespace fl::kernel {

// How much would be won by ending the process, in pages, moved by its oom_score_adj (oom_badness). nullopt: it is not
// to be ended. `total`: all pages of RAM and swap.
std::optional<std::int64_t> oom_badness(const Process& process, PageCount total);

class OomKiller final : public mm::OomHandler {
public:
    // `current` tells the process that asks for memory; nullptr: none does.
    OomKiller(Processes& processes, const mm::PhysicalMemory& memory, KernelLog& log, std::function<Process*()> current)
        : processes_(processes), memory_(memory), log_(log), current_(std::move(current)) {}

    // What the worst process holds alone is taken at once (the OOM reaper). False where that process is the one that
    // asks, which cannot go on then, or where there is none.
    bool kill_for_memory() override;
    // Ends a process, and all that share its memory, and says so, in the log and to whoever started the machine.
    void kill(Process& process);

private:
    Processes& processes_;
    const mm::PhysicalMemory& memory_;
    KernelLog& log_;
    std::function<Process*()> current_;
};

}  // namespace fl::kernel
