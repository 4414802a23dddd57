#include "kernel/cpu_limit.hpp"

#include "kernel/cpu_clock.hpp"
#include "kernel/processes.hpp"
#include "kernel/user_time.hpp"

#include <algorithm>

namespace fl::kernel {

namespace {

LimitPair& cpu_limit(Process& process) { return process.limits[static_cast<std::size_t>(Limit::cpu)]; }

std::uint64_t limit_ns(std::uint64_t seconds) {
    return seconds >= time_max_ns / ns_per_s ? time_max_ns : seconds * ns_per_s;
}

bool is_limited(const Process& process) {
    return soft_limit(process.limits, Limit::cpu) != LimitPair::infinity && !process.exit;
}

// check_process_timers(): SIGKILL at the hard limit; SIGXCPU at the soft one, which is a second later from then on.
void check_limit(System& system, Process& process) {
    LimitPair& limit = cpu_limit(process);
    const std::uint64_t used_ns = process.cpu_clock->now_ns(CpuTimeKind::all);
    if (limit.hard != LimitPair::infinity && used_ns >= limit_ns(limit.hard)) {
        (void)system.processes.send_to_process(process, SignalInfo{.number = SIGKILL, .code = si_code_kernel});
        return;
    }
    if (used_ns < limit_ns(limit.soft)) return;
    (void)system.processes.send_to_process(process, SignalInfo{.number = SIGXCPU, .code = si_code_kernel});
    ++limit.soft;
}

}  // namespace

void expire_cpu_timers(System& system) {
    Task& task = system.task;
    // A timer's effect may end the process, which is then still to be accounted for.
    const std::shared_ptr<Process> process = task.process;
    const bool limited = is_limited(*process);
    if (!limited && !task.cpu_clock->has_timers() && !process->cpu_clock->has_timers()) return;
    system.processes.account(system);
    task.cpu_clock->expire();
    process->cpu_clock->expire();
    if (limited) check_limit(system, *process);
}

std::optional<std::uint64_t> cpu_time_left_ns(const System& system) {
    const Process& process = *system.task.process;
    std::optional<std::uint64_t> left = system.task.cpu_clock->left_ns();
    const auto consider = [&left](std::optional<std::uint64_t> other) {
        if (other) left = std::min(left.value_or(*other), *other);
    };
    consider(process.cpu_clock->left_ns());
    if (is_limited(process)) {
        const std::uint64_t used_ns = process.cpu_clock->now_ns(CpuTimeKind::all);
        const LimitPair& limit = process.limits[static_cast<std::size_t>(Limit::cpu)];
        const std::uint64_t end_ns = limit_ns(std::min(limit.soft, limit.hard));
        consider(end_ns > used_ns ? end_ns - used_ns : 1);
    }
    return left;
}

}  // namespace fl::kernel
