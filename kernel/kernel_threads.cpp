// Kernel threads: Processes' part of kernel/kthread.c.
#include "kernel/fiber.hpp"
#include "kernel/processes.hpp"

#include <algorithm>

namespace fl::kernel {

namespace {

// include/linux/sched.h
constexpr std::uint32_t pf_forknoexec = 0x40, pf_nofreeze = 0x8000, pf_kthread = 0x20'0000;

// Others make what kthreadd would be asked for: it is only everybody's parent.
void sleep_to_the_end(System& system) {
    while (!system.task.exit) (void)system.scheduler.wait(system.task, WaitRequest{});
}

}  // namespace

System& Processes::add_kernel_thread(const System& like, KernelThread thread) {
    FL_ASSERT(first_program_ == 0);
    if (kernel_threads_.empty()) {
        add_kernel_thread(like, {.name = "kthreadd", .flags = pf_nofreeze, .work = sleep_to_the_end}, nullptr);
    }
    return add_kernel_thread(like, std::move(thread), kernel_threads_.front()->task.process.get());
}

System& Processes::add_kernel_thread(const System& like, KernelThread thread, Process* parent) {
    System& system = add_process(like);
    Task& task = system.task;
    Process& process = *task.process;
    task.name = process.name = std::move(thread.name);
    task.fs = std::make_shared<FileSystemContext>(FileSystemContext{like.vfs.root(), like.vfs.root()});
    task.signals.ignore_all();
    task.personality = 0;
    process.kernel_thread = pf_kthread | pf_forknoexec | thread.flags;
    process.parent = parent;
    process.group = process.session = 0;
    if (parent == nullptr) process.exit_signal = 0;
    task.fiber = std::make_unique<Fiber>([this, &system, work = std::move(thread.work)] {
        work(system);
        end_kernel_thread(system);
    });
    // The machine is fresh: where even this finds no memory, no program will.
    if (auto memory = TaskMemory::create(like.memory)) task.memory = std::move(*memory);
    kernel_threads_.push_back(&system);
    return system;
}

void Processes::start_kernel_threads() {
    for (System* thread : kernel_threads_) scheduler_.add(thread->task);
}

// Nobody waits for it, and nobody is left to see a zombie.
void Processes::end_kernel_thread(System& system) {
    Task& task = system.task;
    if (task.scheduler != nullptr) scheduler_.remove(task);
    task.process->threads.clear();
    over_.push_back(task.tid);
    processes_.erase(task.pid);
    std::erase(kernel_threads_, &system);
}

void Processes::stop_kernel_threads() {
    // Children first.
    const std::vector<System*> threads(kernel_threads_.rbegin(), kernel_threads_.rend());
    for (System* thread : threads) {
        Task& task = thread->task;
        task.exit = ExitStatus{};
        if (task.scheduler == nullptr) {
            task.fiber.reset();
            end_kernel_thread(*thread);
            continue;
        }
        scheduler_.signal_arrived(task);
        while (task.state != TaskState::over) scheduler_.run_one();
    }
    bury();
}

}  // namespace fl::kernel
