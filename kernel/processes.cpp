#include "kernel/processes.hpp"

#include "kernel/fiber.hpp"
#include "kernel/futex.hpp"
#include "kernel/path_argument.hpp"
#include "kernel/pidfd.hpp"
#include "kernel/process_timers.hpp"
#include "kernel/robust_list.hpp"
#include "kernel/sysv_ipc.hpp"
#include "kernel/task_copies.hpp"
#include "kernel/terminal.hpp"
#include "kernel/userfaultfd.hpp"
#include "mm/slab/slab_allocator.hpp"

#include <fmt/format.h>

#include <sched.h>
#include <sys/wait.h>

#include <algorithm>
#include <new>

namespace fl::kernel {

Task::Task() = default;
Task::~Task() = default;

void Usage::add(const Usage& other) {
    time.user_ns += other.time.user_ns;
    time.system_ns += other.time.system_ns;
    minor_faults += other.minor_faults;
    major_faults += other.major_faults;
    max_rss = std::max(max_rss, other.max_rss);
    read_bytes += other.read_bytes;
    written_bytes += other.written_bytes;
    read_calls += other.read_calls;
    write_calls += other.write_calls;
    voluntary_switches += other.voluntary_switches;
    involuntary_switches += other.involuntary_switches;
}

struct Processes::Entry {
    Task task;
    System system;

    explicit Entry(const System& like)
        : system{task,     like.cpu,       like.clock,     like.random,  like.memory, like.faults, like.vfs,
                 like.mmu, like.scheduler, like.processes, like.futexes, like.ipc,    like.vdso,   {}} {}
};

// While clone() makes a task, of which others may look at what memory it has.
class Processes::InMaking {
public:
    InMaking(std::vector<const Entry*>& all, const Entry& entry) : all_(all), entry_(&entry) { all_.push_back(entry_); }
    InMaking(const InMaking&) = delete;
    InMaking& operator=(const InMaking&) = delete;
    ~InMaking() { is_made(); }
    void is_made() const { std::erase(all_, entry_); }

private:
    std::vector<const Entry*>& all_;
    const Entry* entry_;
};

Processes::Processes(Scheduler& scheduler, ProcessesOptions options)
    : scheduler_(scheduler),
      options_(std::move(options)),
      kernel_([&scheduler] { return scheduler.now_ns(TimeBase::monotonic); }) {
    auto first = std::make_shared<Process>();
    first->pid = first->group = first->session = 1;
    first->name = "init";
    processes_.emplace(1, std::move(first));
}

Processes::~Processes() = default;

void Processes::clear() {
    lazy_tlb_.stop();
    tasks_.clear();
    over_.clear();
}

void Processes::adopt(System& system) {
    adopted_ = &system;
    system.task.process->parent = &init();
    system.task.process->threads.push_back(&system.task);
    processes_.emplace(system.task.pid, system.task.process);
    last_pid_ = std::max(last_pid_, system.task.pid);
}

// Of one thread, with the number after the last.
System& Processes::add_process(const System& like) {
    auto entry = std::make_unique<Entry>(like);
    System& system = entry->system;
    Task& task = entry->task;
    task.pid = task.tid = task.process->pid = ++last_pid_;
    task.process->threads.push_back(&task);
    processes_.emplace(task.pid, task.process);
    tasks_.emplace(task.tid, std::move(entry));
    return system;
}

System& Processes::add_first(const System& like) {
    System& system = add_process(like);
    Process& process = *system.task.process;
    process.parent = &init();
    first_program_ = process.group = process.pid;
    return system;
}

void Processes::give_fiber(System& system) {
    system.task.fiber = std::make_unique<Fiber>([this, &system] {
        options_.run(system);
        exit_task(system);
    });
}

void Processes::start(System& system) {
    give_fiber(system);
    scheduler_.add(system.task);
}

System* Processes::find_task(std::uint32_t tid) const {
    if (adopted_ != nullptr && adopted_->task.tid == tid) return adopted_;
    const auto found = tasks_.find(tid);
    return found == tasks_.end() ? nullptr : &found->second->system;
}

Process* Processes::find_process(std::uint32_t pid) const {
    const auto found = processes_.find(pid);
    return found == processes_.end() ? nullptr : found->second.get();
}

std::vector<System*> Processes::tasks() const {
    std::vector<System*> all;
    if (adopted_ != nullptr) all.push_back(adopted_);
    for (const auto& [tid, entry] : tasks_) all.push_back(&entry->system);
    return all;
}

std::vector<mm::MmStruct*> Processes::address_spaces() const {
    std::vector<mm::MmStruct*> all;
    for (const auto& space : spaces_) {
        if (const auto mm = space.lock()) all.push_back(mm.get());
    }
    return all;
}

void Processes::track(const std::shared_ptr<mm::MmStruct>& mm) {
    // Each time the list would have to grow, so that the cost of an entry stays the same on average.
    if (spaces_.size() == spaces_.capacity()) std::erase_if(spaces_, [](const auto& space) { return space.expired(); });
    spaces_.push_back(mm);
}

// mmput(), of whose last call the structure outlives the address space where somebody still holds on to it.
void Processes::put_mm(std::shared_ptr<mm::MmStruct> mm) {
    if (mm->mmput() == mm::MmStruct::Last::no) return;
    mm->exit_mmap();
    (void)mm->mmdrop();
}

void Processes::bury() {
    std::erase_if(over_, [this](std::uint32_t tid) {
        const auto found = tasks_.find(tid);
        FL_ASSERT(found != tasks_.end());
        const Fiber* fiber = found->second->task.fiber.get();
        if (fiber != nullptr && !fiber->is_finished()) return false;
        lazy_tlb_.forget(found->second->task);
        tasks_.erase(found);
        return true;
    });
}

// --- new tasks -------------------------------------------------------------------------------------------------------

// kernel/pid.c: the next free number, from 300 again once the highest was given out.
Result<std::uint32_t> Processes::allocate_pid() {
    constexpr std::uint32_t max_pid = 4'194'304, first_again = 300;
    for (std::uint32_t tried = 0; tried < max_pid; ++tried) {
        last_pid_ = last_pid_ + 1 < max_pid ? last_pid_ + 1 : first_again;
        const auto is_used = [this](std::uint32_t number) {
            if (find_task(number) != nullptr || processes_.contains(number)) return true;
            return std::ranges::any_of(processes_, [number](const auto& process) {
                return process.second->group == number || process.second->session == number;
            });
        };
        if (!is_used(last_pid_)) return last_pid_;
    }
    return fail(Errno::eagain);
}

// copy_process(): what may not go together.
static Result<void> check_flags(const CloneRequest& request) {
    constexpr std::uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                         CLONE_NEWPID | CLONE_NEWNET | 0x80 /* CLONE_NEWTIME */;
    const auto has = [&request](std::uint64_t flag) { return (request.flags & flag) != 0; };
    if (has(CLONE_NEWNS) && has(CLONE_FS)) return fail(Errno::einval);
    if (has(CLONE_NEWUSER) && has(CLONE_FS)) return fail(Errno::einval);
    if (has(CLONE_THREAD) && !has(CLONE_SIGHAND)) return fail(Errno::einval);
    if (has(CLONE_SIGHAND) && !has(CLONE_VM)) return fail(Errno::einval);
    // As a kernel without namespaces answers.
    return has(namespaces) ? fail(Errno::einval) : Result<void>{};
}

// The number and its place in memory come before the task, which cannot be taken back.
Result<std::uint32_t> Processes::reserve_pidfd(System& parent, const CloneRequest& request) {
    const auto fd = parent.task.files->find_free(0, open_file_limit(parent));
    if (!fd) return fail(Errno::emfile);
    if (auto done = parent.user().write(VirtAddr(request.pidfd), static_cast<std::int32_t>(*fd)); !done) {
        return fail(done.error());
    }
    return *fd;
}

Result<std::uint32_t> Processes::clone(System& parent, const CloneRequest& request) {
    if (auto fine = check_flags(request); !fine) return fail(fine.error());
    if (is_full()) {
        if (options_.too_many) options_.too_many();
        return fail(Errno::eagain);
    }
    const std::uint64_t limit = soft_limit(parent.task.process->limits, Limit::processes);
    if (program_task_count() >= limit && !parent.task.credentials.may(Capability::sys_resource))
        return fail(Errno::eagain);
    try {
        auto entry = std::make_unique<Entry>(parent);
        System& child = entry->system;
        Task& task = entry->task;
        const InMaking in_making(in_making_, *entry);
        if (auto taken = take_memory(parent, child, request); !taken) return fail(taken.error());
        const auto tid = allocate_pid();
        if (!tid) return fail(tid.error());
        task.tid = *tid;
        give_fiber(child);
        auto vfork = (request.flags & CLONE_VFORK) != 0 ? std::make_shared<VforkWait>() : nullptr;
        task.vfork_parent = vfork;
        const bool wants_pidfd = (request.flags & CLONE_PIDFD) != 0;
        const auto pidfd = wants_pidfd ? reserve_pidfd(parent, request) : Result<std::uint32_t>(0);
        if (!pidfd) return fail(pidfd.error());
        if (auto done = share_or_copy(parent, child, request); !done) return fail(done.error());
        // Both may wait for a userfaultfd: before anybody knows of the child.
        if (task.mm != parent.task.mm) tell_userfault_fork(parent, task.mm);
        if ((request.flags & CLONE_PARENT_SETTID) != 0) {
            (void)parent.user().write(VirtAddr(request.parent_tid), static_cast<std::int32_t>(*tid));
        }
        // Killed while it waited: nobody would end the child with its process.
        if (parent.task.exit) {
            put_mm(std::exchange(task.mm, nullptr));
            return fail(Errno::eintr);
        }
        if ((request.flags & CLONE_SYSVSEM) != 0) parent.ipc.sem.share_undo(parent.task, task);
        in_making.is_made();
        tasks_.emplace(*tid, std::move(entry));
        join_process(parent, task, request);
        if (task.process != parent.task.process) {
            options_.observers.tell_fork(parent.task.process->pid, task.process->pid);
            options_.observers.tell_mappings(task.process->pid, *task.mm);
        }
        if (wants_pidfd) {
            const bool of_thread = (request.flags & CLONE_THREAD) != 0;
            auto description = of_thread ? std::make_shared<PidDescription>(0, task)
                                         : std::make_shared<PidDescription>(0, task.process);
            // Nothing can be taken back any more.
            (void)description->take_memory(parent.memory, nameless_objects);
            parent.task.files->put(*pidfd, std::move(description), OnExec::close);
        }
        ++forks_;
        scheduler_.add(task);
        while (vfork != nullptr && !vfork->done) {
            // The child goes on alone where the parent is to end.
            if (scheduler_.wait(parent.task, vfork->queue, std::nullopt, Interruptible::by_death) ==
                WakeReason::signal) {
                break;
            }
        }
        return *tid;
    } catch (const std::bad_alloc&) {
        return fail(Errno::enomem);
    }
}

// dup_task_struct(), copy_creds(), copy_sighand(), copy_signal(), alloc_pid().
Result<void> Processes::take_memory(const System& parent, System& child, const CloneRequest& request) {
    auto own = TaskMemory::create(parent.memory);
    if (!own) return fail(own.error());
    child.task.memory = std::move(*own);
    if ((request.flags & CLONE_THREAD) != 0) return {};
    const bool shares = (request.flags & CLONE_SIGHAND) != 0;
    auto process = ProcessMemory::create(parent.memory, shares ? parent.task.process->memory.sighand : nullptr);
    if (!process) return fail(process.error());
    child.task.process->memory = std::move(*process);
    return {};
}

Result<void> Processes::share_or_copy(const System& parent, System& child, const CloneRequest& request) {
    const auto has = [&request](std::uint64_t flag) { return (request.flags & flag) != 0; };
    const Task& from = parent.task;
    Task& task = child.task;
    task.credentials = from.credentials;
    task.no_new_privileges = from.no_new_privileges;
    task.scheduling = from.scheduling.of_child();
    task.timer_slack_ns = task.default_timer_slack_ns = from.timer_slack_ns;
    task.memory_failure_policy = from.memory_failure_policy;
    task.start_ns = parent.clock.monotonic_ns();
    task.name = from.name, task.executable = from.executable;
    task.exe_file = from.exe_file;
    task.personality = from.personality;
    task.memory_policy = from.memory_policy;
    task.registers = from.registers;
    task.registers.rax = 0;
    if (request.stack != 0) task.registers.rsp = request.stack;
    if (has(CLONE_SETTLS)) {
        if (request.tls >= mm::task_size.value()) return fail(Errno::eperm);
        task.registers.fs_base = request.tls;
    }
    task.fpu = parent.cpu.fpu_state();
    auto files = has(CLONE_FILES) ? from.files : copy_files(parent.memory, *from.files);
    if (!files) return fail(files.error());
    task.files = std::move(*files);
    auto fs = has(CLONE_FS) ? from.fs : copy_fs(parent.memory, *from.fs);
    if (!fs) return fail(fs.error());
    task.fs = std::move(*fs);
    task.signals = from.signals.for_new_task(
        {.actions = has(CLONE_SIGHAND), .process = has(CLONE_THREAD), .stack = !has(CLONE_VM) || has(CLONE_VFORK)});
    if (has(0x1'0000'0000 /* CLONE_CLEAR_SIGHAND */)) task.signals.clear_handlers();
    // A new thread registers its own (rseq_fork).
    if (!has(CLONE_VM)) task.rseq = from.rseq;
    if (has(CLONE_CHILD_CLEARTID)) task.clear_child_tid = request.child_tid;
    if (has(CLONE_CHILD_SETTID)) task.set_child_tid = request.child_tid;
    if (has(CLONE_VM)) {
        task.mm = from.mm;
        task.mm->mmget();
        task.user_memory = from.user_memory;
        return {};
    }
    auto forked = from.mm->fork();
    if (!forked) return fail(forked.error());
    task.mm = std::move(*forked);
    parent.processes.track(task.mm);
    task.user_memory = std::make_shared<mm::UserMemory>(parent.mmu, parent.faults, *task.mm);
    return {};
}

void Processes::join_process(const System& parent, Task& child, const CloneRequest& request) {
    const std::shared_ptr<Process>& from = parent.task.process;
    if ((request.flags & CLONE_THREAD) != 0) {
        child.process = from;
        child.pid = from->pid;
    } else {
        const bool sibling = (request.flags & CLONE_PARENT) != 0;
        child.pid = child.tid;
        child.process->pid = child.tid;
        child.process->parent = sibling ? from->parent : from.get();
        child.process->exit_signal = sibling ? from->exit_signal : request.exit_signal;
        child.process->group = from->group;
        child.process->session = from->session;
        child.process->limits = from->limits;
        child.process->is_dumpable = from->is_dumpable;
        child.process->huge_pages_disabled = from->huge_pages_disabled;
        child.process->coredump_filter = from->coredump_filter;
        child.process->oom_score_adjustment = from->oom_score_adjustment;
        child.process->least_oom_adjustment = from->least_oom_adjustment;
        child.process->start_ns = child.start_ns;
        child.process->terminal = from->terminal;
        child.process->name = child.name;
        processes_.emplace(child.tid, child.process);
    }
    child.process->threads.push_back(&child);
}

// --- the end ---------------------------------------------------------------------------------------------------------

void Processes::release_memory(System& system) {
    Task& task = system.task;
    if (task.robust_list != 0) release_robust_list(system);
    task.robust_list = 0;
    if (task.clear_child_tid != 0 && task.mm->mm_users() > 1) {
        (void)task.user_memory->write(VirtAddr(task.clear_child_tid), std::uint32_t{0});
        if (const auto key = Futexes::key(system, task.clear_child_tid, false)) system.futexes.wake(*key, 1);
    }
    task.clear_child_tid = 0;
    if (task.vfork_parent != nullptr) {
        task.vfork_parent->done = true;
        task.vfork_parent->queue.wake_all();
        task.vfork_parent.reset();
    }
}

void Processes::exit_task(System& system) {
    Task& task = system.task;
    FL_ASSERT(task.exit.has_value());
    account(system);
    release_memory(system);
    (void)system.faults.take_oom();
    Process& process = *task.process;
    const bool last = process.threads.size() == 1;
    if (last) {
        if (!process.exit) process.exit = task.exit;
        options_.observers.tell_exit(process.pid, {process.exit->status, process.exit->signal});
        if (options_.at_end) options_.at_end(system);
    }
    task.usage.max_rss = task.mm->hiwater_rss();
    process.dead_threads.add(task.usage);
    process.name = task.name;
    system.faults.set_mm(nullptr);
    system.cpu.flush_tlb();
    task.user_memory.reset();
    lazy_tlb_.exit_mm(task);
    system.ipc.sem.exit_task(task);
    task.files.reset();
    task.fs.reset();
    task.exe_file.reset();
    scheduler_.remove(task);
    leave_process(system);
    if (&system != adopted_) over_.push_back(task.tid);
    task.end->is_over = true;
    task.end->queue.wake_all();
}

void Processes::leave_process(System& system) {
    Process& process = *system.task.process;
    std::erase(process.threads, &system.task);
    if (!process.threads.empty()) {
        // Whoever waits for the others to end (exec).
        process.child_changed.wake_all();
        return;
    }
    system.task.signals.set_timer_signals(nullptr);
    process.timers.reset();
    process.is_zombie = true;
    process.memory.zombie.task_struct = std::move(system.task.memory.task_struct);
    process.memory.zombie.pid = std::move(system.task.memory.pid);
    process.last_credentials = system.task.credentials;
    if (process.terminal != nullptr) leave_terminal(*this, process);
    process.ended.wake_all();
    give_children_away(process);
    notify_parent(process);
}

Process& Processes::reaper_of(const Process& process) {
    for (Process* above = process.parent; above != nullptr; above = above->parent) {
        if (above->is_subreaper && !above->threads.empty()) return *above;
    }
    return init();
}

// forget_original_parent().
void Processes::give_children_away(Process& process) {
    Process& reaper = reaper_of(process);
    std::vector<std::shared_ptr<Process>> children;
    for (const auto& [pid, child] : processes_) {
        if (child->parent == &process) children.push_back(child);
    }
    for (const auto& child : children) {
        child->parent = &reaper;
        child->exit_signal = SIGCHLD;
        for (Task* thread : child->threads) {
            if (thread->parent_death_signal == 0) continue;
            (void)send_to_task(*thread, SignalInfo{.number = thread->parent_death_signal,
                                                   .code = si_code_user,
                                                   .detail = SignalInfo::Detail::sender,
                                                   .pid = process.pid});
        }
        if (child->is_zombie) notify_parent(*child);
        // Nobody is left who could let a stopped group go on (kill_orphaned_pgrp).
        if (child->stop_signal != 0 && is_orphaned(child->group)) {
            (void)send_to_process(*child, SignalInfo{.number = SIGHUP, .code = si_code_kernel});
            (void)send_to_process(*child, SignalInfo{.number = SIGCONT, .code = si_code_kernel});
        }
    }
}

void Processes::tell_parent(Process& process, int code, int status) {
    Process& parent = *process.parent;
    const Usage usage = usage_of(process);
    constexpr std::uint64_t tick_ns = 10'000'000;  // USER_HZ is 100
    SignalInfo info{.number = SIGCHLD, .code = code, .detail = SignalInfo::Detail::child, .pid = process.pid};
    info.uid = credentials_of(process).user.real;
    info.status = status;
    info.user_ticks = static_cast<std::int64_t>(usage.time.user_ns / tick_ns);
    info.system_ticks = static_cast<std::int64_t>(usage.time.system_ns / tick_ns);
    if (code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED) info.number = process.exit_signal;
    if (info.number != 0) (void)send_to_process(parent, info);
}

// do_notify_parent(): a parent that does not care for its children's ends never sees their zombies.
void Processes::notify_parent(Process& process) {
    Process& parent = *process.parent;
    if (parent.threads.empty()) {
        reap(process);
        return;
    }
    constexpr std::uint64_t no_child_wait = 2;  // SA_NOCLDWAIT
    const SignalAction& action = parent.threads.front()->signals.action(SIGCHLD);
    const bool ignores = action.handler == SignalAction::ignore;
    const bool reaps_itself = process.exit_signal == SIGCHLD && (ignores || (action.flags & no_child_wait) != 0);
    const ExitStatus& exit = *process.exit;
    if (process.exit_signal != SIGCHLD || !ignores) {
        tell_parent(process, exit.signal != 0 ? CLD_KILLED : CLD_EXITED, exit.signal != 0 ? exit.signal : exit.status);
    }
    // The zombie may be gone after this: wake whoever has to find out that no child is left.
    parent.child_changed.wake_all();
    if (reaps_itself) reap(process);
}

void Processes::reap(Process& zombie) {
    FL_ASSERT(zombie.is_zombie && zombie.threads.empty());
    zombie.parent->children.add(zombie.dead_threads);
    zombie.parent->children.add(zombie.children);
    zombie.parent = nullptr;
    zombie.is_reaped = true;
    zombie.memory = ProcessMemory();
    // A pidfd may hold it, and somebody wait for it there.
    zombie.ended.wake_all();
    processes_.erase(zombie.pid);
}

void Processes::end_process(Process& process, const ExitStatus& status) {
    if (process.exit || process.is_kernel_thread()) return;
    process.exit = status;
    for (Task* thread : process.threads) {
        if (!thread->exit) thread->exit = status;
        if (thread->scheduler != nullptr) scheduler_.signal_arrived(*thread);
    }
}

Result<void> Processes::end_other_threads(System& system) {
    Task& task = system.task;
    Process& process = *task.process;
    for (Task* thread : process.threads) {
        if (thread == &task) continue;
        if (!thread->exit) thread->exit = ExitStatus{};
        if (thread->tid == process.pid) thread->superseded_by = task.tid;
        scheduler_.signal_arrived(*thread);
    }
    while (process.threads.size() > 1) {
        if (scheduler_.wait(task, process.child_changed, std::nullopt, Interruptible::by_death) == WakeReason::signal) {
            return fail(Errno::eagain);
        }
    }
    return {};
}

std::optional<std::string> Processes::memory_inconsistency(const mm::PhysicalMemory& memory) const {
    if (memory.slab() == nullptr) return std::nullopt;
    std::uint64_t held = 0, stacks = 0;
    const auto count = [&](const Entry& entry) {
        held += entry.task.memory.task_struct ? 1 : 0;
        stacks += entry.task.memory.stack.start() ? 1 : 0;
    };
    for (const auto& [tid, entry] : tasks_) count(*entry);
    for (const Entry* entry : in_making_) count(*entry);
    for (const auto& [pid, process] : processes_) held += process->memory.zombie.task_struct ? 1 : 0;
    const std::uint64_t used = memory.slab()->cache(mm::KernelObject::task_struct).object_count();
    if (held != used) return fmt::format("task_struct: {} objects in use, {} tasks", used, held);
    std::uint64_t frames = 0;
    for (std::uint64_t i = 0; i < memory.total_page_count().value(); ++i) {
        frames += memory.frames()[Pfn(i)].state == mm::FrameState::kernel_stack ? 1 : 0;
    }
    if (frames != stacks * mm::KernelStack::size.value()) {
        return fmt::format("kernel stacks: {} frames, {} tasks have one", frames, stacks);
    }
    return std::nullopt;
}

// --- accounts --------------------------------------------------------------------------------------------------------

void Processes::account(const System& system) {
    Usage now;
    now.time = system.clock.cpu_time();
    now.minor_faults = system.faults.counters().minor;
    now.major_faults = system.faults.counters().major;
    Usage& usage = system.task.usage;
    const std::uint64_t user_ns = now.time.user_ns - running_since_.time.user_ns;
    // The host's clock does not tell them apart.
    (system.task.is_kernel_thread() ? usage.time.system_ns : usage.time.user_ns) += user_ns;
    usage.time.system_ns += now.time.system_ns - running_since_.time.system_ns;
    usage.minor_faults += now.minor_faults - running_since_.minor_faults;
    usage.major_faults += now.major_faults - running_since_.major_faults;
    running_since_ = now;
}

Usage Processes::usage_of(const Process& process) const {
    Usage usage = process.dead_threads;
    for (const Task* thread : process.threads) {
        Usage own = thread->usage;
        if (thread->mm != nullptr) own.max_rss = thread->mm->hiwater_rss();
        usage.add(own);
    }
    return usage;
}

}  // namespace fl::kernel
