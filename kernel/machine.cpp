#include "kernel/machine.hpp"

#include "kernel/boot_log.hpp"
#include "kernel/cpu_limit.hpp"
#include "kernel/exec.hpp"
#include "kernel/fault_log.hpp"
#include "kernel/fiber.hpp"
#include "kernel/flusher.hpp"
#include "kernel/futex.hpp"
#include "kernel/host_heap.hpp"
#include "kernel/host_signals.hpp"
#include "kernel/live_objects.hpp"
#include "kernel/mapping_callers.hpp"
#include "kernel/mm_dump.hpp"
#include "kernel/oom_killer.hpp"
#include "kernel/peek.hpp"
#include "kernel/preemption.hpp"
#include "kernel/proc_maps.hpp"
#include "kernel/processes.hpp"
#include "kernel/recent_programs.hpp"
#include "kernel/reclaim_work.hpp"
#include "kernel/signal_delivery.hpp"
#include "kernel/syscall_dispatcher.hpp"
#include "kernel/syscall_table.hpp"
#include "kernel/sysv_ipc.hpp"
#include "kernel/task_copies.hpp"
#include "kernel/terminal.hpp"
#include "kernel/traps.hpp"
#include "kernel/userfaultfd.hpp"
#include "kernel/vfs/devices.hpp"
#include "kernel/vfs/host_stream.hpp"
#include "loader/elf_image.hpp"
#include "loader/exec.hpp"
#include "loader/host_file.hpp"
#include "mm/kernel_space.hpp"
#include "mm/slab/slab_allocator.hpp"
#include "mm/verify.hpp"
#include "mm/walker_check.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>

namespace fl::kernel {

namespace {

#ifdef NDEBUG
constexpr bool debug_build = false;
#else
constexpr bool debug_build = true;
#endif

// What tasks, mappings, open files and pipes may take of the host's memory beyond as much as the machine has RAM.
constexpr std::uint64_t kernel_objects_beside_ram = 64 << 20;

// Short of memory or unreadable: what is missing comes, or fails, when it is touched.
void warm_up(mm::File& file) {
    for (std::uint64_t page = 0; page < file.page_count().value(); ++page) {
        if (!file.read_page(page)) return;
    }
}

// Which caches have objects in use.
std::string objects_text(const mm::SlabAllocator& slab) {
    std::string text = "of the slab allocator's caches are in use:";
    for (const auto& cache : slab.caches()) {
        if (cache->object_count() > 0) text += fmt::format(" {} {}", cache->name(), cache->object_count());
    }
    return text;
}

constexpr std::uint64_t syscall_instruction_bytes = 2;

// A guest that writes to a closed pipe gets its own SIGPIPE; the host's must not end the emulator. A parent that
// ignores SIGPIPE, or a handler, is left alone.
class SigpipeIgnored {
public:
    SigpipeIgnored() {
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &ignore, &previous_);
    }
    SigpipeIgnored(const SigpipeIgnored&) = delete;
    SigpipeIgnored& operator=(const SigpipeIgnored&) = delete;
    ~SigpipeIgnored() { ::sigaction(SIGPIPE, &previous_, nullptr); }

private:
    struct sigaction previous_ {};
};

class MachineImplementation final : public Machine,
                                    private WorkMeter,
                                    private mm::FaultOriginSource,
                                    private mm::UserfaultWaiter,
                                    private mm::FaultObserver {
public:
    MachineImplementation(const MachineOptions& options, emu::Ram ram)
        : options_(options),
          ram_(std::move(ram)),
          memory_(ram_, mm::KernelSpace::boot_memory(ram_.page_count())),
          kernel_space_(memory_),
          slab_(memory_, options.paranoia == Paranoia::every_step ? mm::SlabChecks::full : mm::SlabChecks::off),
          reclaim_({options_, memory_, clock_, scheduler_, processes_, [this] { stop_program_soon(); }}),
          files_(memory_),
          mmu_(ram_),
          faults_(memory_),
          clock_(options.clock, *this, options.costs),
          flusher_({options_, scheduler_, processes_, [this] { stop_program_soon(); }}),
          random_(options.seed),
          scheduler_(clock_, [this](Task& task) { switch_to(task); }),
          ipc_(clock_, [this] { return current_ != nullptr ? current_->task.pid : 0; }),
          processes_(scheduler_,
                     ProcessesOptions{
                         .max_tasks = options.max_tasks,
                         .run = [this](System& system) { run_task(system); },
                         .at_end = [this](System& system) { process_ends(system); },
                         .too_many = [this] { stop_at_limit(fmt::format("stopped at {} tasks", options_.max_tasks)); },
                         .observers = observers_of(options, mapping_callers_)}) {
        faults_.set_fault_around(options.fault_around);
        memory_.huge_pages().mode = options.thp;
        faults_.set_userfault_waiter(this);
        if (paranoid()) kernel_space_.vmalloc().set_poisoning(mm::Poisoning::on);
        kernel_.log.set_sink(options.kernel_log);
        kernel_.modules.request(options.modules, [this](const ModuleInfo& info) {
            return ModuleContext{kernel_.log, memory_, [this] { return inspection(); }, info.name};
        });
    }

    tl::expected<void, std::string> start();

    tl::expected<void, std::string> exec(const ProgramSpec& program) override;
    ExitStatus run() override;

    std::string maps() const override { return first_mm() != nullptr ? proc_maps(*first_mm()) : ""; }
    const MachineStatistics& statistics() const override { return statistics_; }
    const std::optional<Crash>& crash() const override { return crash_; }
    void stop() override;
    Inspection inspection() const override;
    const std::string& limit_reached() const override { return limit_reached_; }
    const std::string& policy_error() const override { return reclaim_.policy_error(); }
    const std::vector<std::string>& module_problems() const override { return kernel_.modules.problems(); }
    const std::vector<std::string>& broken_invariants() const override { return broken_; }
    const mm::WalkerReport& walker_report() const override { return walkers_.report(); }
    const std::string& program_path() const override { return program_path_; }
    const mm::MmStruct* current_mm() const override {
        return current_ != nullptr ? current_->task.mm.get() : first_mm();
    }
    std::size_t peek(VirtAddr address, std::span<std::byte> into) const override {
        const mm::MmStruct* mm = current_mm();
        return mm != nullptr ? peek_memory(ram_, *mm, address, into) : 0;
    }
    std::string dump_mm(std::string_view occasion) const override {
        const System* system = current_ != nullptr ? current_ : first_;
        if (system == nullptr || !system->task.mm) return {};
        const Task& task = system->task;
        return kernel::dump_mm(*task.mm, task.pid, fmt::format("process {} ({}), {}", task.pid, task.name, occasion));
    }

    std::uint64_t elapsed_ns() const override { return clock_.elapsed_ns(); }
    mm::MemorySample memory_sample() const override;

private:
    static ProcessObservers observers_of(const MachineOptions& options, mm::ProcessObserver& own) {
        ProcessObservers observers;
        observers.add(&own);
        observers.add(options.process_observer);
        observers.add(options.memory_observer);
        return observers;
    }
    WorkDone work_done() const override;
    void before_fault(std::uint64_t sequence, const mm::MmStruct& mm, VirtAddr address) override;
    mm::FaultOrigin fault_origin(emu::Mode mode) const override;
    void on_fault(const mm::FaultEvent& event) override;
    bool wait_for_userfault(const mm::Userfault& fault) override;
    std::uint32_t owner_of(const mm::MmStruct& mm) const override;
    void on_eviction(const mm::EvictionEvent& event) override;
    void on_write_back(const mm::WriteBackEvent& event) override;

    tl::expected<void, std::string> load(const ProgramSpec& program, const std::shared_ptr<mm::File>& file,
                                         const loader::ElfImage& image);
    const mm::MmStruct* first_mm() const { return first_ != nullptr ? first_->task.mm.get() : nullptr; }
    // The scheduler's: the processor becomes the task's.
    void switch_to(Task& task);
    // On the task's fiber, from its first instruction to its last.
    void run_task(System& system);
    void process_ends(System& system);
    void step(System& system);
    void wait_while_stopped(System& system);
    emu::Exit run_user_code(Task& task);
    // The trap that became a signal, if it did.
    std::optional<CrashTrap> handle_fault(System& system, const emu::PageFault& fault);
    std::optional<CrashTrap> handle_exception(System& system, const emu::Exit& exit);
    void take_host_signals();
    void take_terminal(Task& task);
    void name_terminal(const std::string& path);
    bool stops_with_host(std::uint32_t group) const;
    void stop_with_host();
    void deliver(System& system);
    void deliver_after_trap(System& system, const CrashTrap& trap);
    void settle(System& system);
    void stop_program_soon() {
        if (in_user_mode_) cpu_->request_stop_soon();
    }
    void load_modules();
    void end_everything();
    void stop_at_limit(std::string limit);
    void check_limits();
    bool paranoid() const { return options_.paranoia == Paranoia::every_step; }
    void check_invariants();
    void check_walkers(const mm::MmStruct& mm);
    void gather_statistics(const mm::MmStruct& mm);
    void tear_down();
    // But for those of slabs, and page tables of the kernel half, which stay once they were needed.
    std::uint64_t frames_in_use() const {
        return (memory_.used_page_count() - kernel_space_.later_table_count() - slab_.page_count()).value();
    }
    void check_leaks();

    MachineOptions options_;
    emu::Ram ram_;
    mm::PhysicalMemory memory_;
    mm::KernelSpace kernel_space_;
    mm::SlabAllocator slab_;
    ReclaimWork reclaim_;
    mm::FileRegistry files_;
    emu::Mmu mmu_;
    mm::WalkerCheck walkers_{mmu_};
    mm::FaultHandler faults_;
    Clock clock_;
    Flusher flusher_;
    Random random_;
    std::optional<Vfs> vfs_;
    std::unique_ptr<emu::Cpu> cpu_;
    std::optional<loader::Vdso> vdso_;
    Scheduler scheduler_;
    Futexes futexes_;
    RecentPrograms recent_programs_;
    SysvIpc ipc_;
    MappingCallers mapping_callers_{ram_, clock_};
    Processes processes_;
    System* first_ = nullptr;             // the program that was asked for, until it is over
    System* current_ = nullptr;           // whose turn it is
    Task* cpu_owner_ = nullptr;           // whose registers the processor holds
    const Task* running_ = nullptr;       // whose time it is
    std::shared_ptr<Terminal> terminal_;  // of the host, that the program's session began with
    KernelState& kernel_ = processes_.kernel();
    OomKiller oom_killer_{processes_, memory_, kernel_.log,
                          [this] { return current_ != nullptr ? &*current_->task.process : nullptr; }};
    std::optional<SyscallDispatcher> syscalls_;
    SignalObserver signal_observer_;
    std::optional<ExitStatus> exit_;  // the first program's
    std::string program_path_;
    std::string limit_reached_;
    bool stopped_ = false;
    std::optional<Crash> crash_;
    std::chrono::steady_clock::time_point started_;
    std::uint64_t heap_at_start_ = 0;

    VirtAddr kernel_entry_{};  // what the program was executing when the kernel took over
    bool in_user_mode_ = false;
    LiveObjects before_exec_;
    MachineStatistics statistics_;
    std::vector<std::string> broken_;
};

tl::expected<void, std::string> MachineImplementation::start() {
    const auto counting = options_.clock == ClockMode::host ? emu::Counting::none : emu::Counting::instructions;
    auto cpu = emu::Cpu::create(mmu_, faults_, clock_, counting);
    if (!cpu) return tl::unexpected(cpu.error());
    cpu_ = std::move(*cpu);
    if (options_.cpuid_log != nullptr) cpu_->log_cpuid(*options_.cpuid_log);
    if (auto reclaim = reclaim_.start(*cpu_, oom_killer_, *this); !reclaim) return reclaim;
    auto vdso = loader::Vdso::create(memory_);
    if (!vdso) return tl::unexpected(std::string("not enough memory for the vDSO"));
    vdso_ = std::move(*vdso);
    clock_.publish_to(vdso_->time_page());
    vfs_.emplace(files_, memory_.buddy().managed_page_count(), clock_.realtime_ns());
    if (auto mounted = vfs_->mount(options_.host); !mounted) return mounted;
    vfs_->account_to(memory_);
    syscalls_.emplace(options_.strace, &processes_);
    if (syscalls_->traces()) {
        signal_observer_ = [this](const Task& task, const SignalInfo& info) { syscalls_->log_signal(task, info); };
    }
    // The checks after each fault look on as an observer does, so that without them faults cost nothing more; and so
    // does who waits for a fault.
    if (paranoid() || kernel_.modules.next_fault() != Modules::never || options_.pressure.flusher) {
        faults_.observe(this, this);
    } else if (options_.fault_observer != nullptr) {
        faults_.observe(options_.fault_observer, this);
    }
    return {};
}

tl::expected<void, std::string> MachineImplementation::exec(const ProgramSpec& program) {
    const auto named = [&program](const std::string& reason) {
        return tl::unexpected(fmt::format("{}: {}", program.path, reason));
    };
    FL_ASSERT(first_ == nullptr);
    before_exec_ = live_objects(processes_, scheduler_, futexes_);
    before_exec_.frames = frames_in_use();
    auto host_file = loader::open_host_file(program.path);
    if (!host_file) return named(host_file.error());
    const auto file = files_.open(std::move(host_file->source), std::move(host_file->identity));
    if (options_.page_cache == PageCacheAtStart::warm) warm_up(*file);
    const auto image = loader::parse_elf(*file);
    if (!image) return named(image.error());
    Task nobody;
    const System like{nobody, *cpu_,      clock_,     random_,  memory_, faults_, *vfs_,
                      mmu_,   scheduler_, processes_, futexes_, ipc_,    &*vdso_, {}};
    kernel_.command_line = command_line_of(options_, program);
    log_boot(kernel_, memory_, reclaim_.swap());
    reclaim_.add_kswapd(like);
    flusher_.add_thread(like);
    first_ = &processes_.add_first(like);
    first_->task.exe_file =
        vfs_->add_executable(options_.host.guest_path(file->identity().path), host_file->status, file);
    if (auto loaded = load(program, file, *image); !loaded) {
        tear_down();
        return named(loaded.error());
    }
    settle(*first_);
    if (syscalls_->traces()) first_->task.signals.watch();
    syscalls_->log_first_exec(first_->task, program.path, program.argv, program.environment.size());
    return {};
}

tl::expected<void, std::string> MachineImplementation::load(const ProgramSpec& program,
                                                            const std::shared_ptr<mm::File>& file,
                                                            const loader::ElfImage& image) {
    Task& task = first_->task;
    task.executable = program_path_ = file->identity().path;
    const ExecRequest request{task.exe_file, program.path, program.argv, program.environment, {}};
    if (auto loaded = load_into_task(*first_, request, file, image); !loaded) return loaded;
    task.files = std::make_shared<FileTable>(FileTable::standard_streams());
    take_terminal(task);
    const auto directory = vfs_->make_directories(options_.host.guest_path(program.working_directory));
    task.fs = std::make_shared<FileSystemContext>(
        FileSystemContext{vfs_->root(), directory != nullptr ? directory : vfs_->root()});
    if (!account_first_task(memory_, task)) return tl::unexpected(std::string("not enough memory"));
    return {};
}

ExitStatus MachineImplementation::run() {
    FL_ASSERT(first_ != nullptr && first_->task.mm != nullptr);
    started_ = std::chrono::steady_clock::now();
    heap_at_start_ = HostHeap::bytes_in_use();
    {
        const SigpipeIgnored sigpipe_ignored;
        const HostSignals host_signals(*cpu_);
        std::optional<HostTimeout> timeout;
        if (options_.timeout) timeout.emplace(*options_.timeout);
        // What loading took is the program's.
        processes_.account(*first_);
        processes_.start_kernel_threads();
        processes_.start(*first_);
        load_modules();
        while (processes_.program_task_count() > 0) {
            check_limits();
            if (!broken_.empty() || !limit_reached_.empty() || stopped_) end_everything();
            scheduler_.run_one();
            current_ = nullptr;
            if (cpu_owner_ != nullptr && cpu_owner_->state == TaskState::over) cpu_owner_ = nullptr;
            if (running_ != nullptr && running_->state == TaskState::over) running_ = nullptr;
            processes_.bury();
            take_host_signals();
        }
    }
    const auto wall_time = std::chrono::steady_clock::now() - started_;
    statistics_.wall_time_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(wall_time).count());
    tear_down();
    check_leaks();
    if (!policy_error().empty()) return ExitStatus{policy_status, 0, false};
    if (!limit_reached_.empty()) return ExitStatus{limit_status, 0, false};
    if (stopped_ && broken_.empty()) return ExitStatus{stopped_status, 0, false};
    // Without an end of its own the program was stopped by a broken invariant, as if by abort().
    return broken_.empty() && exit_ ? *exit_ : ExitStatus{128 + SIGABRT, SIGABRT, false};
}

void MachineImplementation::switch_to(Task& task) {
    processes_.lazy_tlb().switch_to(task);
    current_ = processes_.find_task(task.tid);
    const Task* before = std::exchange(running_, &task);
    if (before != nullptr && before != &task) processes_.account(*processes_.find_task(before->tid));
    if (task.is_kernel_thread()) {
        // Whose registers and page tables the processor has, it keeps: they are not needed.
        reclaim_.reclaimer().set_current(nullptr);
        return;
    }
    if (before != nullptr && before->is_kernel_thread()) reclaim_.reclaimer().set_current(faults_.mm());
    // What another task has done to its memory, or itself before it began to wait.
    if (task.mm->take_effects().tlb_stale) cpu_->flush_tlb();
    if (cpu_owner_ == &task) return;
    if (cpu_owner_ != nullptr) cpu_owner_->fpu = cpu_->fpu_state();
    cpu_owner_ = &task;
    cpu_->set_fpu_state(task.fpu);
    faults_.set_mm(task.mm.get());
    cpu_->set_root(task.mm->page_table().root());
}

void MachineImplementation::run_task(System& system) {
    Task& task = system.task;
    if (task.set_child_tid != 0) {
        (void)task.user_memory->write(VirtAddr(task.set_child_tid), static_cast<std::int32_t>(task.tid));
        settle(system);
    }
    while (!task.exit) step(system);
    for (const SignalInfo& info : task.signals.take_unnoticed()) syscalls_->log_signal(task, info);
    recent_programs_.note(task.exe_file);
    syscalls_->log_end(task, *task.exit);
}

// What the machine tells of is the program that it was asked to run.
void MachineImplementation::process_ends(System& system) {
    if (options_.walkers == WalkerChecks::at_end) check_walkers(*system.task.mm);
    if (&system != first_ && system.task.process->pid != processes_.first_program()) return;
    exit_ = system.task.process->exit;
    gather_statistics(*system.task.mm);
    if (options_.at_end) options_.at_end();
    if (debug_build || paranoid()) check_invariants();
    first_ = nullptr;
}

emu::Exit MachineImplementation::run_user_code(Task& task) {
    auto budget = scheduler_.instruction_budget(task);
    if (const auto left_ns = cpu_time_left_ns(*current_)) budget = std::min(budget.value_or(*left_ns), *left_ns);
    for (const auto& last : {options_.max_instructions, options_.stop_at_instruction}) {
        if (!last) continue;
        const std::uint64_t left = *last - std::min(*last, cpu_->retired_instructions());
        budget = std::min(budget.value_or(left), left);
    }
    if (const auto left_ns = reclaim_.time_left_ns()) budget = std::min(budget.value_or(*left_ns), *left_ns);
    in_user_mode_ = true;
    emu::Exit exit{};
    if (!budget || options_.clock != ClockMode::host) {
        exit = cpu_->run(task.registers, budget.value_or(emu::Cpu::no_budget));
    } else {
        // Nobody counts instructions: the host's clock says when the time is up.
        const HostAlarm alarm(*budget);
        exit = cpu_->run(task.registers);
    }
    in_user_mode_ = false;
    kernel_entry_ = VirtAddr(task.registers.rip);
    return exit;
}

// What let it go on, SIGCONT, is delivered before the program runs.
void MachineImplementation::wait_while_stopped(System& system) {
    Task& task = system.task;
    while (task.process->stop_signal != 0 && !task.exit) {
        syscalls_->log_stop(task);
        while (task.process->stop_signal != 0 && !task.exit) scheduler_.stop(task);
        deliver(system);
    }
}

// One trip into user mode and back.
void MachineImplementation::step(System& system) {
    Task& task = system.task;
    if (task.process->stop_signal != 0) wait_while_stopped(system);
    if (task.exit) return;
    mapping_callers_.set_registers(task.registers);
    const emu::Exit exit = run_user_code(task);
    std::optional<CrashTrap> trap;
    switch (exit.reason) {
        case emu::Exit::Reason::syscall:
            kernel_entry_ = VirtAddr(task.registers.rip - syscall_instruction_bytes);
            syscalls_->dispatch(system);
            break;
        case emu::Exit::Reason::fault: trap = handle_fault(system, exit.fault); break;
        case emu::Exit::Reason::exception: trap = handle_exception(system, exit); break;
        case emu::Exit::Reason::quantum:
        case emu::Exit::Reason::halt: break;
    }
    processes_.observers().tell_mappings(task.process->pid, *task.mm);
    load_modules();
    reclaim_.do_due_work();
    settle(system);
    check_limits();
    scheduler_.tick();
    expire_cpu_timers(system);
    take_host_signals();
    if (trap && !task.exit) {
        deliver_after_trap(system, *trap);
    } else {
        deliver(system);
    }
    const bool time_is_up = exit.reason == emu::Exit::Reason::quantum || exit.reason == emu::Exit::Reason::halt;
    if (task.exit) return;
    if (time_is_up || reclaim_.wants_processor()) {
        scheduler_.slice_over(task);
    } else {
        scheduler_.preempt_for_higher(task);
    }
}

// The first standard stream that is a terminal controls the program's session.
void MachineImplementation::take_terminal(Task& task) {
    for (const std::uint32_t fd : task.files->numbers()) {
        const auto file = task.files->find(fd);
        const auto* stream = file ? dynamic_cast<const HostStream*>(file->get()) : nullptr;
        if (stream == nullptr || stream->terminal() == nullptr) continue;
        terminal_ = stream->terminal();
        terminal_->session = task.process->session;
        terminal_->foreground = task.process->group;
        task.process->terminal = terminal_;
        name_terminal(stream->path());
        return;
    }
}

// Only where the host has it below /dev: "/dev/pts/3".
void MachineImplementation::name_terminal(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (!path.starts_with("/dev/") || path.size() > max_path_bytes) return;
    const DentryPointer folder = vfs_->make_directories(path.substr(0, slash));
    if (folder == nullptr || !folder->inode->directory()->is_writable()) return;
    std::string name = path.substr(slash + 1);
    if (folder->inode->directory()->find(*first_, folder, name) != nullptr) return;
    auto inode = make_terminal(folder->inode->file_system(), clock_.realtime_ns(), terminal_);
    folder->inode->directory()->add(std::make_shared<Dentry>(std::move(name), folder, std::move(inode)));
}

// Whether ^Z is for the emulator itself: nobody in the machine would let the group go on again.
bool MachineImplementation::stops_with_host(std::uint32_t group) const {
    if (!processes_.is_orphaned(group)) return false;
    return std::ranges::none_of(processes_.all(), [group](const auto& entry) {
        const Process& process = *entry.second;
        if (process.group != group || process.threads.empty()) return false;
        return process.threads.front()->signals.action(SIGTSTP).handler != SignalAction::default_action;
    });
}

void MachineImplementation::stop_with_host() {
    if (terminal_ != nullptr) terminal_->put_host_settings();
    (void)::raise(SIGSTOP);
    if (terminal_ != nullptr) terminal_->put_own_settings();
}

// What a terminal sends goes to everybody in its foreground, or in the program's group; the rest to the program.
void MachineImplementation::take_host_signals() {
    while (const auto number = HostSignals::take()) {
        const SignalInfo info{.number = *number, .code = si_code_kernel};
        const bool has_foreground = terminal_ != nullptr && terminal_->foreground != 0;
        const std::uint32_t group = has_foreground ? terminal_->foreground : processes_.first_program();
        const bool of_terminal = *number == SIGINT || *number == SIGQUIT || *number == SIGTSTP || *number == SIGWINCH;
        if (*number == SIGTSTP && stops_with_host(group)) {
            stop_with_host();
        } else if (of_terminal && processes_.group_exists(group)) {
            processes_.send_to_group(group, info);
        } else if (!of_terminal || *number == SIGINT) {
            // Who ends the emulator means all that runs in it.
            for (const auto& [pid, process] : processes_.all()) (void)processes_.send_to_process(*process, info);
        }
    }
}

void raise(Task& task, const Trap& trap, bool resume_flag) {
    task.trap = trap.state;
    if (resume_flag) task.registers.rflags |= rflags_resume;
    task.signals.force(trap.signal);
}

std::optional<CrashTrap> MachineImplementation::handle_fault(System& system, const emu::PageFault& fault) {
    const mm::FaultKind kind = faults_.last_fatal();
    // Out of frames is dealt with by settle(), wherever it happened.
    if (kind == mm::FaultKind::oom) return std::nullopt;
    // A signal is dealt with first; then the access comes again.
    if (kind == mm::FaultKind::userfault) {
        (void)faults_.wait_for_userfault();
        return std::nullopt;
    }
    const Trap trap = trap_of_fault(fault, kind);
    log_segfault(system, trap, fault.address);
    raise(system.task, trap, true);
    return CrashTrap{trap.signal, system.task.registers, fault.address, fault.access, kind};
}

std::optional<CrashTrap> MachineImplementation::handle_exception(System& system, const emu::Exit& exit) {
    Task& task = system.task;
    InstructionStart instruction{};
    peek(VirtAddr(task.registers.rip), std::as_writable_bytes(std::span(instruction)));
    const auto trap = trap_of_exception(exit.vector, task.registers, cpu_->fpu_state(), instruction, task.trap.address);
    if (!trap) return std::nullopt;
    log_exception(system, *trap);
    raise(task, *trap, sets_resume_flag(exit.vector));
    return CrashTrap{trap->signal, task.registers, exit.fault.address, exit.fault.access, std::nullopt};
}

// The same as deliver(); where the trap's signal ends the program that was asked for, it is kept what it died of.
void MachineImplementation::deliver_after_trap(System& system, const CrashTrap& trap) {
    Task& task = system.task;
    SignalInfo last, before_last;
    const SignalObserver observer = [&](const Task& who, const SignalInfo& info) {
        before_last = std::exchange(last, info);
        if (signal_observer_) signal_observer_(who, info);
    };
    kernel_entry_ = VirtAddr(task.registers.rip);
    deliver_signals(system, observer);
    const bool handler_failed = is_failed_handler(trap, before_last, last);
    if (task.exit && task.pid == processes_.first_program() && (handler_failed || is_death_by(trap, last))) {
        crash_ = examine_crash(*task.mm, trap);
        crash_->handler_failed = handler_failed;
        const CallSite* site = crash_->change ? mapping_callers_.find(*crash_->change) : nullptr;
        if (site != nullptr) crash_->call_site = *site;
    }
    settle(system);
}

void MachineImplementation::deliver(System& system) {
    Task& task = system.task;
    if (task.exit) return;
    const Signals& signals = task.signals;
    const bool nothing = signals.pending().empty() && !task.restart_call && !signals.restores_mask();
    if (nothing && !signals.has_unnoticed()) return;
    kernel_entry_ = VirtAddr(task.registers.rip);
    deliver_signals(system, signal_observer_);
    settle(system);
}

// What the kernel's work leaves to be done before the program goes on.
void MachineImplementation::settle(System& system) {
    if (system.task.mm->take_effects().tlb_stale) cpu_->flush_tlb();
    if (faults_.take_oom()) oom_killer_.kill(*system.task.process);
    if (paranoid()) check_invariants();
}

// Those whose page fault has been handled.
void MachineImplementation::load_modules() {
    const std::uint64_t next = kernel_.modules.next_fault();
    if (next == Modules::never || next > faults_.counters().total()) return;
    kernel_.modules.load_due(faults_.counters().total());
}

// timeout(1)'s status, and what it was.
void MachineImplementation::stop_at_limit(std::string limit) {
    if (!limit_reached_.empty()) return;
    limit_reached_ = std::move(limit);
    end_everything();
}

void MachineImplementation::check_limits() {
    if (reclaim_.has_failed() || stopped_) end_everything();
    if (options_.stop_at_instruction && !stopped_ && cpu_->retired_instructions() >= *options_.stop_at_instruction) {
        if (options_.at_stop) options_.at_stop();
        stop();
        end_everything();
    }
    if (options_.max_instructions && cpu_->retired_instructions() >= *options_.max_instructions) {
        stop_at_limit(fmt::format("stopped after {} instructions", *options_.max_instructions));
    }
    if (options_.timeout && std::chrono::steady_clock::now() - started_ >= *options_.timeout) {
        const double seconds = std::chrono::duration<double>(*options_.timeout).count();
        stop_at_limit(fmt::format("stopped after {} s", seconds));
    }
    const std::uint64_t kernel_bytes = HostHeap::bytes_in_use() - std::min(HostHeap::bytes_in_use(), heap_at_start_);
    if (kernel_bytes > options_.memory.bytes() + kernel_objects_beside_ram) {
        stop_at_limit(fmt::format("stopped with {} MiB of kernel objects, beside {} MiB of memory", kernel_bytes >> 20,
                                  options_.memory.bytes() >> 20));
    }
}

void MachineImplementation::stop() {
    stopped_ = true;
    if (in_user_mode_) cpu_->request_stop();
}

Inspection MachineImplementation::inspection() const {
    Inspection inspection{.memory = memory_,
                          .faults = faults_,
                          .files = files_.files(),
                          .instructions = cpu_->retired_instructions(),
                          .time_ns = clock_.elapsed_ns(),
                          .costs = clock_.costs(),
                          .log = &kernel_.log};
    for (const auto& [pid, process] : processes_.all()) {
        if (process->threads.empty() || process->threads.front()->mm == nullptr) continue;
        const Task& task = *process->threads.front();
        inspection.processes.push_back({pid, task.name, task.mm.get()});
    }
    const System* system = current_ != nullptr && current_->task.mm != nullptr ? current_ : first_;
    if (system != nullptr) inspection.current_pid = system->task.pid;
    return inspection;
}

void MachineImplementation::end_everything() {
    for (const auto& [pid, process] : processes_.all()) {
        processes_.end_process(*process, ExitStatus{128 + SIGKILL, SIGKILL, false});
    }
}

WorkDone MachineImplementation::work_done() const {
    const mm::FaultCounters& counters = faults_.counters();
    return WorkDone{cpu_ ? cpu_->retired_instructions() : 0, counters.minor, counters.major};
}

mm::FaultOrigin MachineImplementation::fault_origin(emu::Mode mode) const {
    const VirtAddr instruction = mode == emu::Mode::user ? cpu_->instruction_pointer() : kernel_entry_;
    const Task* task = current_ != nullptr ? &current_->task : first_ != nullptr ? &first_->task : nullptr;
    return mm::FaultOrigin{clock_.elapsed_ns(), task != nullptr ? task->pid : 0, task != nullptr ? task->tid : 0,
                           instruction};
}

// The first of several that share it.
std::uint32_t MachineImplementation::owner_of(const mm::MmStruct& mm) const {
    for (const auto& [pid, process] : processes_.all()) {
        if (!process->threads.empty() && process->threads.front()->mm.get() == &mm) return pid;
    }
    return 0;
}

bool MachineImplementation::wait_for_userfault(const mm::Userfault& fault) {
    System& system = *current_;
    return std::static_pointer_cast<Userfaultfd>(fault.context)->wait(system, fault);
}

void MachineImplementation::before_fault(std::uint64_t sequence, const mm::MmStruct& mm, VirtAddr address) {
    if (options_.fault_observer != nullptr) options_.fault_observer->before_fault(sequence, mm, address);
}

// Only under Paranoia::every_step, and where a module or the flusher wants to hear of faults.
void MachineImplementation::on_fault(const mm::FaultEvent& event) {
    if (options_.fault_observer != nullptr) options_.fault_observer->on_fault(event);
    if (event.sequence >= kernel_.modules.next_fault()) stop_program_soon();
    flusher_.note_fault(*faults_.mm(), event);
    if (!paranoid()) return;
    check_invariants();
    if (!broken_.empty() && in_user_mode_) cpu_->request_stop();
}

void MachineImplementation::on_eviction(const mm::EvictionEvent& event) {
    if (options_.fault_observer != nullptr) options_.fault_observer->on_eviction(event);
}

void MachineImplementation::on_write_back(const mm::WriteBackEvent& event) {
    if (options_.fault_observer != nullptr) options_.fault_observer->on_write_back(event);
}

void MachineImplementation::check_walkers(const mm::MmStruct& mm) {
    const Pfn root = mm.page_table().root();
    if (walkers_.report().spaces == 0) walkers_.check(root, mm::WalkedHalf::kernel);
    walkers_.check(root, mm::WalkedHalf::user);
    if (broken_.empty()) broken_ = walkers_.report().disagreements;
}

void MachineImplementation::check_invariants() {
    // What is broken once stays broken: one report is enough.
    if (!broken_.empty()) return;
    std::vector<const mm::MmStruct*> all;
    for (const mm::MmStruct* mm : processes_.address_spaces()) all.push_back(mm);
    if (all.empty()) return;
    broken_ = mm::verify(memory_, all, files_.files());
    if (const auto wrong = ipc_.shm.inconsistency(all)) broken_.push_back(*wrong);
    if (const auto wrong = processes_.memory_inconsistency(memory_)) broken_.push_back(*wrong);
}

mm::MemorySample MachineImplementation::memory_sample() const {
    mm::MemorySample sample{.time_ns = clock_.elapsed_ns(),
                            .free_frames = memory_.buddy().free_page_count().value(),
                            .free_blocks = memory_.buddy().free_blocks(),
                            .processes = {}};
    reclaim_.gather(sample);
    for (const auto& [pid, process] : processes_.all()) {
        if (process->threads.empty() || process->threads.front()->mm == nullptr) continue;
        const mm::MmStruct& mm = *process->threads.front()->mm;
        sample.processes.push_back({.pid = pid,
                                    .anonymous = mm.rss().anonymous.value(),
                                    .file = mm.rss().file.value(),
                                    .shared_memory = mm.rss().shared_memory.value(),
                                    .swap = mm.swap_entries().value(),
                                    .page_tables = mm.page_table().table_count().value()});
    }
    return sample;
}

void MachineImplementation::gather_statistics(const mm::MmStruct& mm) {
    MachineStatistics& s = statistics_;
    s.faults = faults_.counters();
    s.total_frames = memory_.total_page_count();
    s.used_frames = memory_.used_page_count();
    s.peak_used_frames = memory_.peak_used_page_count();
    s.page_table_pages = mm.page_table().table_count();
    reclaim_.gather(s);
    s.huge_pages = memory_.huge_pages().counters;
    s.costs = clock_.costs();
    s.buddy_free_blocks = memory_.buddy().free_blocks();
    s.tlb = cpu_->tlb_stats();
    s.map_count = mm.map_count();
    s.rss = mm.rss();
    s.hiwater_rss = mm.hiwater_rss();
    s.vm = mm.vm();
    s.hiwater_vm = mm.hiwater_vm();
    s.system_calls = syscalls_->call_count();
    s.instructions = cpu_->retired_instructions();
    s.virtual_time_ns = clock_.elapsed_ns();
}

void MachineImplementation::tear_down() {
    kernel_.modules.unload_all(faults_.counters().total());
    processes_.stop_kernel_threads();
    faults_.set_mm(nullptr);
    // A task that was stopped before it could wait for its userfaultfd does not wait any more.
    faults_.set_userfault_waiter(nullptr);
    (void)faults_.wait_for_userfault();
    current_ = first_ = nullptr;
    running_ = nullptr;
    processes_.clear();
    // Files that only messages between sockets hold.
    if (vfs_) vfs_->unix_sockets().collect();
    if (terminal_ != nullptr) terminal_->put_host_settings();
    terminal_.reset();
    recent_programs_.clear();
}

// Whatever exec and the programs took has come back. A file that an observer still holds keeps its cached pages.
void MachineImplementation::check_leaks() {
    if (!broken_.empty()) return;
    LiveObjects left = live_objects(processes_, scheduler_, futexes_);
    left.inodes = vfs_->take_apart();
    left.frames = frames_in_use();
    left.kernel_objects = slab_.object_count();
    LiveObjects expected = before_exec_;
    for (const auto& file : files_.files()) {
        expected.frames += file->cached_page_count().value();
        expected.kernel_objects += file->nodes().node_count();
    }
    broken_ = leftovers(expected, left);
    if (left.kernel_objects != expected.kernel_objects) broken_.push_back(objects_text(slab_));
    if (const PageCount used = reclaim_.swap().used_slot_count(); used > PageCount(0)) {
        broken_.push_back(fmt::format("{} swap slots are still in use", used.value()));
    }
}

}  // namespace

tl::expected<std::unique_ptr<Machine>, std::string> Machine::create(const MachineOptions& options) {
    if (options.memory < mm::KernelSpace::least_ram()) {
        return tl::unexpected(fmt::format("{} KiB of memory are too few, the least is {} KiB",
                                          options.memory.bytes() / 1024, mm::KernelSpace::least_ram().bytes() / 1024));
    }
    auto ram = emu::Ram::create(options.memory);
    if (!ram) return tl::unexpected(ram.error());
    auto machine = std::make_unique<MachineImplementation>(options, std::move(*ram));
    if (auto started = machine->start(); !started) return tl::unexpected(started.error());
    return machine;
}

}  // namespace fl::kernel
