#include "kernel/machine.hpp"

#include "kernel/host_signals.hpp"
#include "kernel/mm_dump.hpp"
#include "kernel/peek.hpp"
#include "kernel/proc_maps.hpp"
#include "kernel/signal_delivery.hpp"
#include "kernel/syscall_table.hpp"
#include "kernel/traps.hpp"
#include "loader/elf_image.hpp"
#include "loader/exec.hpp"
#include "loader/host_file.hpp"
#include "mm/verify.hpp"

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

// Short of memory or unreadable: what is missing comes, or fails, when it is touched.
void warm_up(mm::File& file) {
    for (std::uint64_t page = 0; page < file.page_count().value(); ++page) {
        if (!file.read_page(page)) return;
    }
}

constexpr std::size_t comm_length = 15;  // TASK_COMM_LEN without the NUL
constexpr std::uint64_t syscall_instruction_bytes = 2;

std::string comm_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return path.substr(slash == std::string::npos ? 0 : slash + 1).substr(0, comm_length);
}

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
                                    private mm::FaultObserver {
public:
    MachineImplementation(const MachineOptions& options, emu::Ram ram)
        : options_(options),
          ram_(std::move(ram)),
          memory_(ram_),
          files_(memory_),
          mmu_(ram_),
          faults_(memory_),
          clock_(options.clock, *this),
          random_(options.seed) {
        faults_.set_fault_around(options.fault_around);
    }

    tl::expected<void, std::string> start();

    tl::expected<void, std::string> exec(const ProgramSpec& program) override;
    ExitStatus run() override;

    std::string maps() const override { return task_.mm ? proc_maps(*task_.mm) : ""; }
    const MachineStatistics& statistics() const override { return statistics_; }
    const std::vector<std::string>& broken_invariants() const override { return broken_; }
    std::uint64_t load_bias() const override { return load_bias_; }
    const std::string& program_path() const override { return task_.executable; }
    std::size_t peek(VirtAddr address, std::span<std::byte> into) const override {
        return task_.mm ? peek_memory(ram_, *task_.mm, address, into) : 0;
    }
    std::string dump_mm(std::string_view occasion) const override {
        if (!task_.mm) return {};
        return kernel::dump_mm(*task_.mm, task_.pid,
                               fmt::format("process {} ({}), {}", task_.pid, task_.name, occasion));
    }

private:
    WorkDone work_done() const override;
    mm::FaultOrigin fault_origin(emu::Mode mode) const override;
    void on_fault(const mm::FaultEvent& event) override;

    tl::expected<void, std::string> load(const ProgramSpec& program, const std::shared_ptr<mm::File>& file,
                                         const loader::ElfImage& image);
    void step();
    void handle_fault(const emu::PageFault& fault);
    void handle_exception(emu::Vector vector);
    void raise(const Trap& trap, bool resume_flag);
    void take_host_signals();
    void deliver();
    void settle();
    void kill_for_memory();
    bool paranoid() const { return options_.paranoia == Paranoia::every_step; }
    void check_invariants();
    void gather_statistics();
    void tear_down();
    void check_leaks();

    MachineOptions options_;
    emu::Ram ram_;
    mm::PhysicalMemory memory_;
    mm::FileRegistry files_;
    emu::Mmu mmu_;
    mm::FaultHandler faults_;
    Clock clock_;
    Random random_;
    std::optional<Vfs> vfs_;
    std::unique_ptr<emu::Cpu> cpu_;
    std::optional<loader::Vdso> vdso_;
    Task task_;
    std::optional<System> system_;
    std::optional<SyscallDispatcher> syscalls_;
    SignalObserver signal_observer_;

    std::uint64_t load_bias_ = 0;
    VirtAddr kernel_entry_{};  // what the program was executing when the kernel took over
    bool in_user_mode_ = false;
    PageCount used_before_exec_;
    MachineStatistics statistics_;
    std::vector<std::string> broken_;
};

tl::expected<void, std::string> MachineImplementation::start() {
    const auto counting = options_.clock == ClockMode::host ? emu::Counting::none : emu::Counting::instructions;
    auto cpu = emu::Cpu::create(mmu_, faults_, clock_, counting);
    if (!cpu) return tl::unexpected(cpu.error());
    cpu_ = std::move(*cpu);
    if (options_.cpuid_log != nullptr) cpu_->log_cpuid(*options_.cpuid_log);
    auto vdso = loader::Vdso::create(memory_);
    if (!vdso) return tl::unexpected(std::string("not enough memory for the vDSO"));
    vdso_ = std::move(*vdso);
    clock_.publish_to(vdso_->time_page());
    vfs_.emplace(files_, memory_.total_page_count(), clock_.realtime_ns());
    if (auto mounted = vfs_->mount(options_.host); !mounted) return mounted;
    system_.emplace(System{task_, *cpu_, clock_, random_, memory_, faults_, *vfs_, {}});
    syscalls_.emplace(*system_, options_.strace_output);
    if (syscalls_->traces()) signal_observer_ = [this](const SignalInfo& info) { syscalls_->log_signal(info); };
    // The checks after each fault look on as an observer does, so that without them faults cost nothing more.
    if (paranoid()) {
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
    FL_ASSERT(task_.mm == nullptr);
    used_before_exec_ = memory_.used_page_count();
    auto host_file = loader::open_host_file(program.path);
    if (!host_file) return named(host_file.error());
    const auto file = files_.open(std::move(host_file->source), std::move(host_file->identity));
    if (options_.page_cache == PageCacheAtStart::warm) warm_up(*file);
    const auto image = loader::parse_elf(*file);
    if (!image) return named(image.error());
    task_.exe_file = vfs_->add_executable(options_.host.guest_path(file->identity().path), host_file->status, file);
    if (auto loaded = load(program, file, *image); !loaded) {
        tear_down();
        return named(loaded.error());
    }
    settle();
    return {};
}

tl::expected<void, std::string> MachineImplementation::load(const ProgramSpec& program,
                                                            const std::shared_ptr<mm::File>& file,
                                                            const loader::ElfImage& image) {
    task_.name = comm_of(program.path);
    task_.executable = file->identity().path;
    auto mm = mm::MmStruct::create(memory_, files_, task_.memory_limits());
    if (!mm) return tl::unexpected(std::string("not enough memory for a page table"));
    task_.mm = std::move(*mm);
    task_.user_memory = std::make_unique<mm::UserMemory>(mmu_, faults_, *task_.mm);
    faults_.set_mm(task_.mm.get());
    cpu_->set_root(task_.mm->page_table().root());

    loader::ProgramArguments arguments{program.path, program.argv, program.environment, {}};
    random_.fill(arguments.random_bytes);
    const auto loaded = loader::load_program(*task_.mm, *task_.user_memory, file, image, *vdso_, arguments);
    if (!loaded) return tl::unexpected(loaded.error());
    // A program that got this far although frames ran out on the way is not killed for it later.
    (void)faults_.take_oom();
    load_bias_ = loaded->load_bias;
    task_.files = std::make_shared<FileTable>(FileTable::standard_streams());
    const auto directory = vfs_->make_directories(options_.host.guest_path(program.working_directory));
    task_.fs = std::make_shared<FileSystemContext>(
        FileSystemContext{vfs_->root(), directory != nullptr ? directory : vfs_->root()});
    task_.registers = emu::Registers{};
    task_.registers.rip = loaded->entry.value();
    task_.registers.rsp = loaded->stack_pointer.value();
    return {};
}

ExitStatus MachineImplementation::run() {
    FL_ASSERT(task_.mm != nullptr);
    const auto started = std::chrono::steady_clock::now();
    {
        const SigpipeIgnored sigpipe_ignored;
        const HostSignals host_signals(*cpu_);
        while (!task_.exit && broken_.empty()) step();
    }
    const auto wall_time = std::chrono::steady_clock::now() - started;
    statistics_.wall_time_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(wall_time).count());
    if (task_.exit) syscalls_->log_end(*task_.exit);
    gather_statistics();
    if (options_.at_end) options_.at_end();
    if (debug_build || paranoid()) check_invariants();
    tear_down();
    if (debug_build || paranoid()) check_leaks();
    // Without an end of its own the program was stopped by a broken invariant, as if by abort().
    return task_.exit.value_or(ExitStatus{128 + SIGABRT, SIGABRT, false});
}

// One trip into user mode and back.
void MachineImplementation::step() {
    in_user_mode_ = true;
    const emu::Exit exit = cpu_->run(task_.registers);
    in_user_mode_ = false;
    kernel_entry_ = VirtAddr(task_.registers.rip);
    switch (exit.reason) {
        case emu::Exit::Reason::syscall:
            kernel_entry_ = VirtAddr(task_.registers.rip - syscall_instruction_bytes);
            syscalls_->dispatch();
            break;
        case emu::Exit::Reason::fault: handle_fault(exit.fault); break;
        case emu::Exit::Reason::exception: handle_exception(exit.vector); break;
        case emu::Exit::Reason::quantum:
        case emu::Exit::Reason::halt: break;
    }
    settle();
    take_host_signals();
    deliver();
}

// As from the terminal's or a shell's kill: sent by the kernel's user to the process.
void MachineImplementation::take_host_signals() {
    while (const auto number = HostSignals::take()) {
        // A standard signal needs no room in a queue.
        (void)task_.signals.send(SignalQueue::process, SignalInfo{.number = *number, .code = si_code_kernel}, 0);
    }
}

void MachineImplementation::handle_fault(const emu::PageFault& fault) {
    // Out of frames is dealt with by settle(), wherever it happened.
    if (faults_.last_fatal() == mm::FaultKind::oom) return;
    raise(trap_of_fault(fault, faults_.last_fatal()), true);
}

void MachineImplementation::handle_exception(emu::Vector vector) {
    InstructionStart instruction{};
    peek(VirtAddr(task_.registers.rip), std::as_writable_bytes(std::span(instruction)));
    const auto trap = trap_of_exception(vector, task_.registers, cpu_->fpu_state(), instruction, task_.trap.address);
    if (trap) raise(*trap, sets_resume_flag(vector));
}

void MachineImplementation::raise(const Trap& trap, bool resume_flag) {
    task_.trap = trap.state;
    if (resume_flag) task_.registers.rflags |= rflags_resume;
    task_.signals.force(trap.signal);
}

void MachineImplementation::deliver() {
    if (task_.exit || (task_.signals.pending().empty() && !task_.restart_call)) return;
    kernel_entry_ = VirtAddr(task_.registers.rip);
    deliver_signals(*system_, signal_observer_);
    settle();
}

// What the kernel's work leaves to be done before the program goes on.
void MachineImplementation::settle() {
    if (task_.mm->take_effects().tlb_stale) cpu_->flush_tlb();
    if (faults_.take_oom()) kill_for_memory();
    if (paranoid()) check_invariants();
}

void MachineImplementation::kill_for_memory() {
    if (task_.exit) return;
    const auto kib = [](PageCount pages) { return pages.bytes() / 1024; };
    const mm::MmStruct& mm = *task_.mm;
    spdlog::error(
        "Out of memory: Killed process {} ({}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB, "
        "UID:{} pgtables:{}kB oom_score_adj:0",
        task_.pid, task_.name, kib(mm.vm().total), kib(mm.rss().anonymous), kib(mm.rss().file),
        kib(mm.rss().shared_memory), task_.uid, mm.pgtables_bytes() / 1024);
    task_.exit = ExitStatus{128 + SIGKILL, SIGKILL, true};
}

WorkDone MachineImplementation::work_done() const {
    const mm::FaultCounters& counters = faults_.counters();
    return WorkDone{cpu_ ? cpu_->retired_instructions() : 0, counters.minor, counters.major};
}

mm::FaultOrigin MachineImplementation::fault_origin(emu::Mode mode) const {
    const VirtAddr instruction = mode == emu::Mode::user ? cpu_->instruction_pointer() : kernel_entry_;
    return mm::FaultOrigin{clock_.elapsed_ns(), task_.pid, task_.tid, instruction};
}

// Only under Paranoia::every_step.
void MachineImplementation::on_fault(const mm::FaultEvent& event) {
    if (options_.fault_observer != nullptr) options_.fault_observer->on_fault(event);
    check_invariants();
    if (!broken_.empty() && in_user_mode_) cpu_->request_stop();
}

void MachineImplementation::check_invariants() {
    // What is broken once stays broken: one report is enough.
    if (!broken_.empty() || !task_.mm) return;
    const std::array<const mm::MmStruct*, 1> all = {task_.mm.get()};
    broken_ = mm::verify(memory_, all, files_.files());
}

void MachineImplementation::gather_statistics() {
    const mm::MmStruct& mm = *task_.mm;
    MachineStatistics& s = statistics_;
    s.faults = faults_.counters();
    s.total_frames = memory_.total_page_count();
    s.used_frames = memory_.used_page_count();
    s.peak_used_frames = memory_.peak_used_page_count();
    s.page_table_pages = mm.page_table().table_count();
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
    faults_.set_mm(nullptr);
    task_.files.reset();
    task_.user_memory.reset();
    task_.mm.reset();
}

// Whatever exec and the program took has come back. A file that an observer still holds keeps its cached pages.
void MachineImplementation::check_leaks() {
    if (!broken_.empty()) return;
    PageCount expected = used_before_exec_;
    for (const auto& file : files_.files()) expected += file->cached_page_count();
    const PageCount used = memory_.used_page_count();
    if (used == expected) return;
    broken_.push_back(
        fmt::format("{} frames in use after the program's end, {} expected", used.value(), expected.value()));
}

}  // namespace

tl::expected<std::unique_ptr<Machine>, std::string> Machine::create(const MachineOptions& options) {
    if (options.memory < mm::PhysicalMemory::min_page_count) {
        return tl::unexpected(fmt::format("{} KiB of memory are too few, the least is {} KiB",
                                          options.memory.bytes() / 1024,
                                          mm::PhysicalMemory::min_page_count.bytes() / 1024));
    }
    auto ram = emu::Ram::create(options.memory);
    if (!ram) return tl::unexpected(ram.error());
    auto machine = std::make_unique<MachineImplementation>(options, std::move(*ram));
    if (auto started = machine->start(); !started) return tl::unexpected(started.error());
    return machine;
}

}  // namespace fl::kernel
