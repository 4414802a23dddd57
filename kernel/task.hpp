// Task: the process (Linux: struct task_struct): its registers, address space, files, signals and limits.
#pragma once

#include "emu/registers.hpp"
#include "kernel/clock.hpp"
#include "kernel/cpu_clock.hpp"
#include "kernel/credentials.hpp"
#include "kernel/file_table.hpp"
#include "kernel/resource_limits.hpp"
#include "kernel/scheduler.hpp"
#include "kernel/scheduling_policy.hpp"
#include "kernel/signals.hpp"
#include "kernel/task_memory.hpp"
#include "mm/mm_struct.hpp"
#include "mm/user_memory.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::kernel {

class Fiber;
class ProcessTimers;
class Terminal;

// The wait of vfork(2) and CLONE_VFORK.
struct VforkWait {
    WaitQueue queue;
    bool done = false;
};

// How the program ended.
struct ExitStatus {
    int status = 0;  // exit status, 128 + signal where a signal ended it
    int signal = 0;  // the signal, 0 for exit
    bool out_of_memory = false;
};

// What the processor said about the last trap that became a signal (thread.trap_nr, error_code, cr2). Signal frames
// show it, those of later signals as well.
struct TrapState {
    std::uint64_t number = 0;
    std::uint64_t error_code = 0;
    std::uint64_t address = 0;  // CR2, of page faults
};

// A call that a signal ended before it did anything: it is made again unless a handler runs first for which it counts
// as interrupted.
struct RestartCall {
    enum class Kind : std::uint8_t {
        with_restart,     // a handler with SA_RESTART lets it go on (-ERESTARTSYS)
        without_handler,  // no handler does (-ERESTARTNOHAND, -ERESTART_RESTARTBLOCK)
    };
    std::uint64_t number;
    Kind kind = Kind::with_restart;
    // Of a call that waits for so long: the end of the wait stays what it was.
    std::optional<std::uint64_t> deadline_ns{};
};

// What rseq(2) registered.
struct RseqArea {
    std::uint64_t address = 0;
    std::uint32_t size_bytes = 0;
    std::uint32_t signature = 0;
};

// Where paths start (Linux: struct fs_struct).
struct FileSystemContext {
    DentryPointer root;
    DentryPointer working_directory;
    std::uint32_t umask = 022;
    OwnSlabObject object{};

    void hold(mm::SlabObject taken) { object.hold(std::move(taken)); }
};

// What a task or a process has used of the processor and of memory.
struct Usage {
    CpuTime time;
    std::uint64_t minor_faults = 0, major_faults = 0;
    PageCount max_rss;                                // of the largest, where usages are added
    std::uint64_t read_bytes = 0, written_bytes = 0;  // by read(2) and write(2) and their like
    std::uint64_t read_calls = 0, write_calls = 0;
    std::uint64_t voluntary_switches = 0, involuntary_switches = 0;

    void add(const Usage& other);
};

// The end of a task, for those who wait for it from outside its process (pidfd_open(2) with PIDFD_THREAD).
struct TaskEnd {
    bool is_over = false;
    WaitQueue queue;
};

struct Task;

// What the threads of a process share (Linux: struct signal_struct).
//
// Invariants: `threads` holds the tasks that are not over; a process without threads is a zombie until it is reaped.
// One that is reaped may still be held by a pidfd, has no parent any more and is not to be found by its number.
struct Process {
    std::uint32_t pid = 2;
    Process* parent = nullptr;  // nullptr: process 1, which is the kernel's own, and kthreadd
    std::uint32_t group = 2, session = 1;
    std::uint32_t kernel_thread = 0;  // of a kernel thread its PF_ flags, as /proc/PID/stat tells them; 0: a program's
    int exit_signal = SIGCHLD;        // what the parent gets; 0: nothing
    std::vector<Task*> threads;
    LimitTable limits = default_limits();
    std::string name;  // comm of the last thread, for the zombie

    std::optional<ExitStatus> exit;  // set: it ends, or has ended
    bool is_zombie = false;
    bool is_reaped = false;
    WaitQueue ended;               // it is a zombie, or reaped
    Credentials last_credentials;  // the zombie's
    bool has_executed = false;     // since it was forked (did_exec)
    bool is_subreaper = false;     // PR_SET_CHILD_SUBREAPER
    // What belongs to the address space on Linux, and here to the process: PR_SET_DUMPABLE, PR_SET_THP_DISABLE,
    // /proc/PID/coredump_filter.
    bool is_dumpable = true;
    std::uint32_t huge_pages_disabled = 0;  // as PR_GET_THP_DISABLE answers
    std::uint32_t coredump_filter = 0x33;
    int oom_score_adjustment = 0;        // /proc/PID/oom_score_adj
    int least_oom_adjustment = 0;        // below which it needs a capability
    std::uint64_t start_ns = 0;          // of CLOCK_MONOTONIC
    std::shared_ptr<Terminal> terminal;  // that controls its session
    // Job control: the signal that stopped it, until it goes on; and what wait4(2) has not told yet.
    int stop_signal = 0;
    bool stop_to_report = false, continue_to_report = false;

    Usage dead_threads, children;  // children: of those that were waited for
    WaitQueue child_changed;       // wait4(2)
    // Shared with nobody; those who only look at it hold weak pointers.
    std::shared_ptr<CpuClock> cpu_clock = std::make_shared<CpuClock>(*this);
    std::unique_ptr<ProcessTimers> timers;  // nullptr: none was ever asked for

    ProcessMemory memory;

    bool is_kernel_thread() const { return kernel_thread != 0; }

    Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();
};

enum class TaskState : std::uint8_t {
    fresh,  // not known to the scheduler yet
    ready,
    running,
    waiting,
    stopped,
    over,
};

struct Task {
    std::shared_ptr<Process> process = std::make_shared<Process>();
    std::uint32_t pid = 2;  // of its process (Linux: tgid)
    std::uint32_t tid = 2;
    Credentials credentials;
    SchedulingPolicy scheduling;
    std::shared_ptr<TaskEnd> end = std::make_shared<TaskEnd>();
    std::string name;        // comm: the file's name, 15 bytes at most
    std::string executable;  // its absolute path on the host, symbolic links resolved

    emu::Registers registers;
    emu::FpuState fpu;  // while another task has the processor
    // mm_users counts the tasks that share it (Linux: task->mm). nullptr: the task is over, or a kernel thread.
    std::shared_ptr<mm::MmStruct> mm;
    std::shared_ptr<mm::UserMemory> user_memory;
    std::shared_ptr<FileTable> files = std::make_shared<FileTable>();
    std::shared_ptr<FileSystemContext> fs = std::make_shared<FileSystemContext>();
    DentryPointer exe_file;  // /proc/self/exe
    Signals signals;
    TrapState trap;
    mm::ResourceLimits memory_limits() const {
        const bool root = credentials.may(Capability::ipc_lock) && credentials.may(Capability::sys_rawio);
        return kernel::memory_limits(process->limits, root ? mm::Privilege::root : mm::Privilege::none);
    }
    bool is_kernel_thread() const { return process->is_kernel_thread(); }
    std::uint32_t parent_pid() const { return process->parent != nullptr ? process->parent->pid : 0; }
    // personality(2): ADDR_NO_RANDOMIZE, as under `setarch -R`.
    static constexpr std::uint32_t addr_no_randomize = 0x004'0000, read_implies_exec = 0x040'0000;
    std::uint32_t personality = addr_no_randomize;
    std::optional<RseqArea> rseq;
    std::uint64_t clear_child_tid = 0;
    mm::MemoryPolicy memory_policy;  // set_mempolicy(2)
    std::uint64_t robust_list = 0;
    int parent_death_signal = 0;     // PR_SET_PDEATHSIG
    bool no_new_privileges = false;  // PR_SET_NO_NEW_PRIVS
    static constexpr std::uint64_t usual_slack_ns = 50'000;
    std::uint64_t timer_slack_ns = usual_slack_ns, default_timer_slack_ns = usual_slack_ns;  // PR_SET_TIMERSLACK
    int memory_failure_policy = 2;                                                           // PR_MCE_KILL_DEFAULT
    std::uint64_t start_ns = 0;                                                              // of CLOCK_MONOTONIC
    std::shared_ptr<VforkWait> vfork_parent;  // the parent waits until the address space is given back

    std::optional<RestartCall> restart_call;
    std::optional<std::uint64_t> restarted_deadline_ns;  // of the call that is made again now
    std::optional<RestartCall> resumed_call;             // that call, as it was interrupted: for --strace
    // CLONE_CHILD_SETTID: where the task writes its number before it runs.
    std::uint64_t set_child_tid = 0;

    std::optional<ExitStatus> exit;   // set: the task is to end
    std::uint32_t superseded_by = 0;  // it ends because this thread executes a program

    // Scheduler's own.
    Scheduler* scheduler = nullptr;
    std::unique_ptr<Fiber> fiber;
    TaskState state = TaskState::fresh;
    WakeReason wake_reason = WakeReason::event;
    bool killable_only = false;  // waits for what no handler may interrupt

    Usage usage;  // up to when it last gave the processor up
    std::shared_ptr<CpuClock> cpu_clock = std::make_shared<CpuClock>(*this);
    TaskMemory memory;

    Task();
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task();

    // The first reason to end is the one that counts.
    void exit_with(int status) {
        if (!exit) exit = ExitStatus{status & 0xff, 0, false};
    }
};

// A process's as others see them; a zombie keeps its own.
inline const Credentials& credentials_of(const Process& process) {
    return process.threads.empty() ? process.last_credentials : process.threads.front()->credentials;
}

// -ERESTARTSYS and its like: the answer of a call that a signal ended before it did anything.
inline Errno interrupted(Task& task, RestartCall::Kind kind = RestartCall::Kind::with_restart,
                         std::optional<std::uint64_t> deadline_ns = std::nullopt) {
    task.restart_call = RestartCall{task.registers.rax, kind, deadline_ns};
    return Errno::eintr;
}

// A signal that a call of the process's own brings about (send_sig): SIGPIPE, SIGXFSZ.
inline void signal_self(Task& task, int number) {
    const SignalInfo info{.number = number,
                          .code = si_code_user,
                          .detail = SignalInfo::Detail::sender,
                          .pid = task.pid,
                          .uid = task.credentials.user.real};
    // A standard signal needs no room in a queue.
    (void)task.signals.send(SignalQueue::thread, info, 0);
}

}  // namespace fl::kernel
