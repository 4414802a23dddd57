// MachineImplementation: the machine behind machine.hpp. Its work is in machine.cpp, signals and traps in
// machine_signals.cpp, what looks at it and checks it in machine_views.cpp.
#pragma once

#include "kernel/flusher.hpp"
#include "kernel/futex.hpp"
#include "kernel/kcompactd.hpp"
#include "kernel/khugepaged.hpp"
#include "kernel/live_objects.hpp"
#include "kernel/machine.hpp"
#include "kernel/mapping_callers.hpp"
#include "kernel/mm_dump.hpp"
#include "kernel/oom_killer.hpp"
#include "kernel/peek.hpp"
#include "kernel/proc_maps.hpp"
#include "kernel/processes.hpp"
#include "kernel/recent_programs.hpp"
#include "kernel/reclaim_work.hpp"
#include "kernel/signal_delivery.hpp"
#include "kernel/syscall_dispatcher.hpp"
#include "kernel/sysv_ipc.hpp"
#include "kernel/terminal.hpp"
#include "loader/elf_image.hpp"
#include "loader/exec.hpp"
#include "mm/kernel_space.hpp"
#include "mm/slab/slab_allocator.hpp"
#include "mm/walker_check.hpp"

#include <fmt/format.h>

#include <chrono>

namespace fl::kernel {

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
          kcompactd_({options_, memory_, scheduler_, processes_, [this] { stop_program_soon(); }}),
          khugepaged_({options_, memory_, clock_, scheduler_, processes_}),
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
    Kcompactd kcompactd_;
    Khugepaged khugepaged_;
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

}  // namespace fl::kernel
