// What signals do to processes as a whole: Processes' part of kernel/signal.c.
#include "kernel/processes.hpp"

#include <sys/wait.h>

#include <algorithm>

namespace fl::kernel {

void Processes::stop_process(Process& process, int signal) {
    if (process.stop_signal != 0 || process.exit) return;
    if (signal != SIGSTOP && is_orphaned(process.group)) return;
    process.stop_signal = signal;
    process.stop_to_report = true;
    process.continue_to_report = false;
    Process& parent = *process.parent;
    constexpr std::uint64_t no_child_stop = 1;  // SA_NOCLDSTOP
    if (parent.threads.empty()) return;
    const SignalAction& action = parent.threads.front()->signals.action(SIGCHLD);
    if (action.handler != SignalAction::ignore && (action.flags & no_child_stop) == 0) {
        tell_parent(process, CLD_STOPPED, signal);
    }
    parent.child_changed.wake_all();
}

// prepare_signal(): stopping and continuing cancel each other.
void Processes::before_signal(Process& process, int number) {
    const SignalSet stops =
        SignalSet::of(SIGSTOP) | SignalSet::of(SIGTSTP) | SignalSet::of(SIGTTIN) | SignalSet::of(SIGTTOU);
    if (stops.has(number)) {
        for (Task* thread : process.threads) thread->signals.discard(SignalSet::of(SIGCONT));
    }
    if (number != SIGCONT && number != SIGKILL) return;
    for (Task* thread : process.threads) thread->signals.discard(stops);
    if (process.stop_signal == 0) return;
    process.stop_signal = 0;
    process.stop_to_report = false;
    process.continue_to_report = number == SIGCONT;
    for (Task* thread : process.threads) scheduler_.wake_stopped(*thread);
    if (number != SIGCONT || process.parent->threads.empty()) return;
    tell_parent(process, CLD_CONTINUED, SIGCONT);
    process.parent->child_changed.wake_all();
}

namespace {

// RLIMIT_SIGPENDING limits what waits for all of a user's processes: what is left for a task's own queues. Only
// real-time signals are refused.
std::uint64_t queue_limit(const Processes& processes, const Task& task, int number) {
    constexpr int first_realtime = 32;
    const std::uint64_t limit = soft_limit(task.process->limits, Limit::pending_signals);
    if (number < first_realtime) return limit;
    const std::uint64_t others = processes.queued_signals(task.credentials.user.real) - task.signals.waiting_count();
    return limit > others ? limit - others : 0;
}

}  // namespace

Result<void> Processes::send_to_process(Process& process, const SignalInfo& info) {
    if (process.threads.empty() || process.exit || process.is_kernel_thread()) return {};
    before_signal(process, info.number);
    if (info.number == SIGKILL) {
        end_process(process, ExitStatus{128 + SIGKILL, SIGKILL, false});
        return {};
    }
    Task& first = *process.threads.front();
    const auto sent = first.signals.send(SignalQueue::process, info, queue_limit(*this, first, info.number));
    tell_of_signal(process, info.number);
    return sent;
}

Result<void> Processes::send_to_task(Task& task, const SignalInfo& info) {
    if (task.exit || task.is_kernel_thread()) return {};
    before_signal(*task.process, info.number);
    if (info.number == SIGKILL) {
        end_process(*task.process, ExitStatus{128 + SIGKILL, SIGKILL, false});
        return {};
    }
    const auto sent = task.signals.send(SignalQueue::thread, info, queue_limit(*this, task, info.number));
    tell_of_signal(task);
    return sent;
}

void Processes::send_to_group(std::uint32_t group, const SignalInfo& info) {
    std::vector<std::shared_ptr<Process>> members;
    for (const auto& [pid, process] : processes_) {
        if (process->group == group) members.push_back(process);
    }
    for (const auto& process : members) (void)send_to_process(*process, info);
}

bool Processes::group_exists(std::uint32_t group) const {
    return std::ranges::any_of(processes_, [group](const auto& process) { return process.second->group == group; });
}

bool Processes::is_orphaned(std::uint32_t group, const Process* without) const {
    return std::ranges::none_of(processes_, [&](const auto& entry) {
        const Process& process = *entry.second;
        if (process.group != group || &process == without || process.is_zombie || process.parent == nullptr) {
            return false;
        }
        return process.parent->pid != 1 && process.parent->group != group && process.parent->session == process.session;
    });
}

}  // namespace fl::kernel
