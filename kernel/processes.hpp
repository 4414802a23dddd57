// Processes: all tasks and processes there are, and what happens to them as a whole: they are made, get signals, stop,
// end and are reaped (Linux: kernel/fork.c, kernel/exit.c, kernel/signal.c, kernel/pid.c).
//
// Process 1 is the kernel's own: it has no threads, and reaps whatever becomes its child at once.
#pragma once

#include "kernel/kernel_state.hpp"
#include "kernel/lazy_tlb.hpp"
#include "kernel/process_observers.hpp"
#include "kernel/system.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::kernel {

// struct kernel_clone_args, without what would make a namespace.
struct CloneRequest {
    std::uint64_t flags = 0;  // CLONE_ bits without the signal
    int exit_signal = 0;
    std::uint64_t stack = 0;  // the new stack pointer; 0: the same
    std::uint64_t tls = 0;    // CLONE_SETTLS
    std::uint64_t parent_tid = 0, child_tid = 0;
    std::uint64_t pidfd = 0;  // CLONE_PIDFD: where its number goes
};

// What sethostname(2) and setdomainname(2) set (struct uts_namespace).
struct MachineNames {
    std::string node = "faultline", domain = "(none)";
};

struct ProcessesOptions {
    std::size_t max_tasks = 4096;
    // What a task does from its first instruction to its end; runs on the task's fiber.
    std::function<void(System&)> run;
    // A process is over; its address space, where nobody else has it, is still there.
    std::function<void(System&)> at_end;
    // A task more than max_tasks was asked for.
    std::function<void()> too_many;
    ProcessObservers observers{};
};

// Whom a timer's signal is for.
struct TimerTarget {
    Process& process;
    std::uint32_t tid;  // 0: whichever thread
};
enum class TimerSent : std::uint8_t { queued, ignored, nobody };

// What runs a function of the kernel's own beside the programs: kernel_threads.cpp.
struct KernelThread {
    std::string name;         // comm, 15 bytes at most
    std::uint32_t flags = 0;  // PF_ bits beside those that all have
    // Runs on a fiber of its own, waits like any task, and returns once task.exit is set, which wakes it.
    std::function<void(System&)> work;
};

class Processes {
public:
    static constexpr std::uint32_t first_pid = 2;

    explicit Processes(Scheduler& scheduler, ProcessesOptions options = {});
    Processes(const Processes&) = delete;
    Processes& operator=(const Processes&) = delete;
    ~Processes();

    // A task that somebody else keeps, for tests: it is found, and not run.
    void adopt(System& system);
    // The first program's task, without an address space, and not known to the scheduler before start().
    System& add_first(const System& like);
    void start(System& system);
    // Its number, first_pid where no kernel thread was added before it; 0: there is none yet.
    std::uint32_t first_program() const { return first_program_; }

    // A task without an address space that no signal reaches; kthreadd, everybody's parent, comes with the first.
    // Before add_first(), for the lowest numbers. Not known to the scheduler before start_kernel_threads().
    System& add_kernel_thread(const System& like, KernelThread thread);
    void start_kernel_threads();
    // All end; returns when they have. From no task's fiber, when no program runs any more.
    void stop_kernel_threads();

    // nullptr: there is none. A thread's number leads to the thread, a process's number to a process with or without
    // threads.
    System* find_task(std::uint32_t tid) const;
    Process* find_process(std::uint32_t pid) const;
    // In the order of their numbers, zombies and process 1 included.
    const std::map<std::uint32_t, std::shared_ptr<Process>>& all() const { return processes_; }
    std::vector<System*> tasks() const;
    std::size_t task_count() const { return tasks_.size() + (adopted_ != nullptr ? 1 : 0); }
    // Without kernel threads, and what is only for tests.
    std::size_t program_task_count() const { return tasks_.size() - kernel_threads_.size(); }
    bool is_full() const { return program_task_count() >= options_.max_tasks; }
    const ProcessObservers& observers() const { return options_.observers; }
    std::size_t max_tasks() const { return options_.max_tasks; }
    std::uint32_t last_pid() const { return last_pid_; }
    std::uint64_t forks() const { return forks_; }
    Process& init() { return *processes_.at(1); }
    MachineNames& machine_names() { return machine_names_; }
    const MachineNames& machine_names() const { return machine_names_; }
    // Address spaces, each once.
    std::vector<mm::MmStruct*> address_spaces() const;
    // All there are are told here when they are made.
    void track(const std::shared_ptr<mm::MmStruct>& mm);
    KernelState& kernel() { return kernel_; }
    const KernelState& kernel() const { return kernel_; }
    // Whose page tables tasks run in that have none; told of every switch.
    LazyTlb& lazy_tlb() { return lazy_tlb_; }
    const LazyTlb& lazy_tlb() const { return lazy_tlb_; }
    // A user of the address space goes (mmput); the last one takes it apart.
    static void put_mm(std::shared_ptr<mm::MmStruct> mm);

    // clone(2) and its like: the new task's number. EINVAL, EAGAIN (too many), ENOMEM, EMFILE, EFAULT (of a pidfd).
    Result<std::uint32_t> clone(System& parent, const CloneRequest& request);
    // do_exit(), on the task's own fiber and at its end.
    void exit_task(System& system);
    // The address space is given back, or exchanged (mm_release, exec_mm_release): futexes, vfork.
    void release_memory(System& system);
    // Forgets all tasks, which run no more: at the machine's end.
    void clear();
    // Tasks that are over go, those on whose fiber this is not called.
    void bury();

    // do_group_exit(): every thread ends. The first reason is the one that counts. Nothing to a kernel thread.
    void end_process(Process& process, const ExitStatus& status);
    // All other threads of the process end; returns when they have (de_thread). EAGAIN where the caller is to end
    // itself.
    Result<void> end_other_threads(System& system);
    void stop_process(Process& process, int signal);

    // EAGAIN for a real-time signal that finds no room. Permissions are the caller's to check. Kernel threads ignore
    // all signals.
    Result<void> send_to_process(Process& process, const SignalInfo& info);
    Result<void> send_to_task(Task& task, const SignalInfo& info);
    TimerSent send_of_timer(const TimerTarget& target, const SignalInfo& info);
    // Signals that wait, and timers that may send one, of all processes of a user: what RLIMIT_SIGPENDING limits.
    std::size_t queued_signals(std::uint32_t uid) const;
    bool group_exists(std::uint32_t group) const;
    // Each process of a group gets it, whoever sends it: from a terminal.
    void send_to_group(std::uint32_t group, const SignalInfo& info);
    // A group whose members' parents are all inside of it, or of another session (is_current_pgrp_orphaned).
    bool is_orphaned(std::uint32_t group, const Process* without = nullptr) const;

    // A zombie is forgotten, its usage counts as its parent's children's.
    void reap(Process& zombie);
    Usage usage_of(const Process& process) const;
    // Whether as many tasks are held in memory as there are, zombies included; empty when all is well.
    std::optional<std::string> memory_inconsistency(const mm::PhysicalMemory& memory) const;
    // What the running task has used since it got the processor goes to its account.
    void account(const System& system);

private:
    struct Entry;
    class InMaking;

    System& add_process(const System& like);
    System& add_kernel_thread(const System& like, KernelThread thread, Process* parent);
    void end_kernel_thread(System& system);
    void give_fiber(System& system);
    Result<std::uint32_t> allocate_pid();
    static Result<std::uint32_t> reserve_pidfd(System& parent, const CloneRequest& request);
    static Result<void> take_memory(const System& parent, System& child, const CloneRequest& request);
    Result<void> share_or_copy(const System& parent, System& child, const CloneRequest& request);
    void join_process(const System& parent, Task& child, const CloneRequest& request);
    void leave_process(System& system);
    void give_children_away(Process& process);
    void notify_parent(Process& process);
    void tell_parent(Process& process, int code, int status);
    void tell_of_signal(Task& task);
    void tell_of_signal(Process& process, int number);
    void before_signal(Process& process, int number);
    Process& reaper_of(const Process& process);

    Scheduler& scheduler_;
    ProcessesOptions options_;
    KernelState kernel_;
    std::map<std::uint32_t, std::shared_ptr<Process>> processes_;
    std::map<std::uint32_t, std::unique_ptr<Entry>> tasks_;
    std::vector<const Entry*> in_making_;  // by clone(), not known to anybody yet
    System* adopted_ = nullptr;
    std::vector<std::uint32_t> over_;  // numbers of tasks that have run for the last time
    std::vector<std::weak_ptr<mm::MmStruct>> spaces_;
    LazyTlb lazy_tlb_;
    MachineNames machine_names_;
    std::vector<System*> kernel_threads_;  // kthreadd first
    std::uint32_t last_pid_ = first_pid - 1;
    std::uint32_t first_program_ = 0;
    std::uint64_t forks_ = 0;
    Usage running_since_;  // the machine's counters when the running task got the processor
};

}  // namespace fl::kernel
