#include "kernel/cpu_clock.hpp"

#include "kernel/task.hpp"

#include <algorithm>

namespace fl::kernel {

CpuTime CpuClock::used() const {
    if (task_ != nullptr) return task_->usage.time;
    CpuTime time = process_->dead_threads.time;
    for (const Task* thread : process_->threads) {
        time.user_ns += thread->usage.time.user_ns;
        time.system_ns += thread->usage.time.system_ns;
    }
    return time;
}

std::uint64_t CpuClock::now_ns(CpuTimeKind kind) const {
    const CpuTime time = used();
    return kind == CpuTimeKind::user ? time.user_ns : time.total_ns();
}

void CpuClock::expire() {
    if (!has_timers()) return;
    const CpuTime time = used();
    user_timers_.expire(time.user_ns);
    timers_.expire(time.total_ns());
}

std::optional<std::uint64_t> CpuClock::left_ns() const {
    if (!has_timers()) return std::nullopt;
    const CpuTime time = used();
    std::optional<std::uint64_t> left;
    const auto consider = [&left](const Timers& timers, std::uint64_t now_ns) {
        const auto deadline = timers.first_deadline_ns();
        if (!deadline) return;
        const std::uint64_t own = *deadline > now_ns ? *deadline - now_ns : 1;
        left = std::min(left.value_or(own), own);
    };
    consider(user_timers_, time.user_ns);
    consider(timers_, time.total_ns());
    return left;
}

}  // namespace fl::kernel
