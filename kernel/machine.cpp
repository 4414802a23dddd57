#include "kernel/boot_log.hpp"
#include "kernel/cpu_limit.hpp"
#include "kernel/exec.hpp"
#include "kernel/fiber.hpp"
#include "kernel/host_heap.hpp"
#include "kernel/host_signals.hpp"
#include "kernel/machine_implementation.hpp"
#include "kernel/preemption.hpp"
#include "kernel/task_copies.hpp"
#include "loader/host_file.hpp"

#include <algorithm>
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

}  // namespace

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
    kcompactd_.add_thread(like);
    khugepaged_.add_thread(like);
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
    // Others may have had their turn while it waited.
    mapping_callers_.set_registers(task.registers);
    processes_.observers().tell_mappings(task.process->pid, *task.mm);
    load_modules();
    reclaim_.do_due_work();
    khugepaged_.note_program_ran();
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

void MachineImplementation::end_everything() {
    for (const auto& [pid, process] : processes_.all()) {
        processes_.end_process(*process, ExitStatus{128 + SIGKILL, SIGKILL, false});
    }
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
