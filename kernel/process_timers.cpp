#include "kernel/process_timers.hpp"

#include "kernel/processes.hpp"

namespace fl::kernel {

Process::Process() = default;
Process::~Process() = default;

ProcessTimers& timers_of(System& system) {
    Process& process = *system.task.process;
    if (process.timers == nullptr) {
        process.timers = std::make_unique<ProcessTimers>(process, system.processes, system.scheduler);
        system.task.signals.set_timer_signals(process.timers.get());
    }
    return *process.timers;
}

// --- what Processes knows of them

TimerSent Processes::send_of_timer(const TimerTarget& target, const SignalInfo& info) {
    if (target.process.threads.empty() || target.process.exit) return TimerSent::nobody;
    Task* task = target.process.threads.front();
    if (target.tid != 0) {
        const System* found = find_task(target.tid);
        if (found == nullptr || found->task.process.get() != &target.process || found->task.exit) {
            return TimerSent::nobody;
        }
        task = &found->task;
    }
    before_signal(target.process, info.number);
    if (info.number == SIGKILL) {
        end_process(target.process, ExitStatus{128 + SIGKILL, SIGKILL, false});
        return TimerSent::nobody;
    }
    const SignalQueue queue = target.tid != 0 ? SignalQueue::thread : SignalQueue::process;
    if (!task->signals.send_of_timer(queue, info)) return TimerSent::ignored;
    if (target.tid != 0) {
        tell_of_signal(*task);
    } else {
        tell_of_signal(target.process, info.number);
    }
    return TimerSent::queued;
}

void Processes::tell_of_signal(Task& task) {
    scheduler_.signal_queued().wake_all();
    if (task.scheduler != nullptr) scheduler_.signal_arrived(task);
}

// The first that does not block it takes it.
void Processes::tell_of_signal(Process& process, int number) {
    scheduler_.signal_queued().wake_all();
    for (Task* thread : process.threads) {
        if (thread->signals.blocked().has(number) || thread->scheduler == nullptr) continue;
        scheduler_.signal_arrived(*thread);
        break;
    }
}

std::size_t Processes::queued_signals(std::uint32_t uid) const {
    std::size_t count = 0;
    for (const auto& [pid, process] : processes_) {
        if (process->threads.empty() || process->threads.front()->credentials.user.real != uid) continue;
        count += process->threads.front()->signals.waiting_count(SignalQueue::process);
        for (const Task* thread : process->threads) count += thread->signals.waiting_count(SignalQueue::thread);
        if (process->timers != nullptr) count += process->timers->posix().idle_count();
    }
    return count;
}

}  // namespace fl::kernel
