// Machine: the whole emulated computer, with its processes: RAM, processor, memory manager, kernel.
//
// create() builds it, exec() puts a program into it, run() runs the program to its end.
#pragma once

#include "emu/cpu.hpp"
#include "kernel/clock.hpp"
#include "kernel/crash.hpp"
#include "kernel/inspection.hpp"
#include "kernel/modules/registry.hpp"
#include "kernel/strace/log.hpp"
#include "kernel/task.hpp"
#include "kernel/vfs/host_tree.hpp"
#include "mm/fault_handler.hpp"
#include "mm/file.hpp"
#include "mm/memory_sample.hpp"
#include "mm/mm_struct.hpp"
#include "mm/reclaimer.hpp"

#include <tl/expected.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::mm {
struct WalkerReport;
}

namespace fl::kernel {

enum class Paranoia : std::uint8_t {
    off,
    every_step,  // mm::verify after each system call and each fault; a broken invariant ends the run
};

// Whether other page walkers translate what ours does, for comparison: mm/walker_check.hpp.
enum class WalkerChecks : std::uint8_t {
    off,
    at_end,  // of each process: its address space, and once the kernel half; who disagrees breaks an invariant
};

enum class PageCacheAtStart : std::uint8_t {
    cold,  // the program's file is read as it is touched: the first touches are major faults
    warm,  // it has all been read, as on a machine that ran it a moment ago
};

// How much memory programs have beside RAM's size, and who leaves it.
struct MemoryPressure {
    static constexpr PageCount least_frames{2};  // a page that is copied, and its copy

    std::optional<PageCount>
        frames{};  // that hold user pages at most, least_frames or more; nullopt: as many as RAM has
    mm::ReclaimScope scope = mm::ReclaimScope::global;
    std::optional<replacement::PolicyChoice> policy{};  // nullopt: clock
    bool kswapd = false;
    bool flusher = false;  // files of the host that were written to are written back in the background (flusher.hpp)
    std::optional<PageCount> swap{};  // nullopt: as much as RAM
    std::string swap_file{};          // of the host; empty: the slots are in memory
    mm::SwapErrors swap_errors{};
    bool counts_working_set = false;  // for MachineStatistics
};

struct MachineOptions {
    PageCount memory{65536};               // RAM; 256 MiB
    mm::ThpMode thp = mm::ThpMode::never;  // at the start; root may write another one to /sys
    bool khugepaged = false;               // gathers pages for large ones in the background (khugepaged.hpp)
    bool kcompactd = false;                // compacts memory in the background (kcompactd.hpp)
    MemoryPressure pressure{};
    ClockMode clock = ClockMode::virtual_time;
    CostModel costs{};
    Paranoia paranoia = Paranoia::off;
    PageCount fault_around{16};  // pages of a file that a read fault maps at most; FaultHandler::set_fault_around
    PageCacheAtStart page_cache = PageCacheAtStart::cold;
    HostTree host;                                      // what the program sees of the host's files, beside its own
    std::size_t max_tasks = 4096;                       // at the same time; threads count
    std::optional<std::uint64_t> max_instructions{};    // of all tasks together; not under ClockMode::host
    std::optional<std::chrono::nanoseconds> timeout{};  // of the host's time
    std::uint64_t seed = 0;                             // of every random source that the guest sees
    // Observers must outlive the machine.
    mm::FaultObserver* fault_observer = nullptr;
    mm::ProcessObserver* process_observer = nullptr;
    mm::MemoryObserver* memory_observer = nullptr;  // every reference is reported then, which takes time
    strace::LogOptions strace;                      // where system calls are logged; the default: nowhere
    // Where each record of the kernel's log goes as well, as lines that dmesg(1) would print; empty: nowhere.
    KernelLog::Sink kernel_log;
    std::vector<ModuleChoice> modules;  // to be loaded
    // Called once so many instructions have been executed, by all tasks together, or a few more: up to the next jump.
    // Not under ClockMode::host.
    std::optional<std::uint64_t> stop_at_instruction{};
    std::function<void()> at_stop;
    std::function<void()> at_end;                // called when the program is over and its address space is still there
    std::vector<VirtAddr>* cpuid_log = nullptr;  // where CPUID was executed, in order; must outlive run()
    WalkerChecks walkers = WalkerChecks::off;
};

struct ProgramSpec {
    std::string path;
    std::vector<std::string> argv;         // argv[0] included
    std::vector<std::string> environment;  // "KEY=VALUE"
    std::string working_directory = "/";   // absolute; an empty directory of this name is made for the program
};

// Numbers for --stats, gathered after the end of the run but before the address space was torn down.
struct MachineStatistics {
    mm::FaultCounters faults;
    // What replacement did.
    const replacement::PolicyInfo* policy = nullptr;
    std::string policy_state;
    mm::ReclaimCounters reclaim;
    mm::WorkingSetHistory working_set;
    std::optional<PageCount> frame_limit;  // of user pages
    PageCount user_frames, peak_user_frames;
    PageCount swap_slots, used_swap_slots;
    mm::SwapCounters swap;
    mm::HugePageCounters huge_pages;
    CostModel costs;  // of the virtual clock
    PageCount total_frames, used_frames, peak_used_frames;
    PageCount page_table_pages;  // at the end
    std::array<std::uint64_t, mm::BuddyAllocator::order_count> buddy_free_blocks{};
    emu::TlbStats tlb;
    std::uint64_t map_count = 0;
    mm::RssCounters rss;
    PageCount hiwater_rss;
    mm::VmCounters vm;
    PageCount hiwater_vm;
    std::uint64_t system_calls = 0;
    std::uint64_t instructions = 0;  // 0 under ClockMode::host
    std::uint64_t virtual_time_ns = 0;
    std::uint64_t wall_time_ns = 0;  // run() alone
};

class Machine {
public:
    // The error is one clear line.
    static tl::expected<std::unique_ptr<Machine>, std::string> create(const MachineOptions& options);
    virtual ~Machine() = default;

    // The error is one clear line that names the file; nothing has run then.
    virtual tl::expected<void, std::string> exec(const ProgramSpec& program) = 0;
    // Runs the program and all that it starts to their ends; the status is the program's. Call once, after exec().
    virtual ExitStatus run() = 0;

    // /proc/PID/maps, between exec() and the end of run().
    virtual std::string maps() const = 0;

    // The run ends where it stands, everything is killed, and the status is stopped_status. From an observer's call or
    // at_stop. A system call that is at work is finished first.
    static constexpr int stopped_status = 0;
    virtual void stop() = 0;
    // What views look at; valid until the program goes on. Between exec() and the end of run(), from observers too.
    virtual Inspection inspection() const = 0;

    // Valid after run().
    virtual const MachineStatistics& statistics() const = 0;
    // The access that the program died of; nullopt: it ended otherwise. Valid from at_end on.
    virtual const std::optional<Crash>& crash() const = 0;
    // Which of the options' limits ended the run, in words; empty: none. The status is limit_status then.
    static constexpr int limit_status = 124;
    virtual const std::string& limit_reached() const = 0;
    // What the policy did that no policy may do; empty: nothing. It ended the run, and the status is policy_status.
    static constexpr int policy_status = 2;
    virtual const std::string& policy_error() const = 0;
    // One line for each module that could not be loaded. Valid after run().
    virtual const std::vector<std::string>& module_problems() const = 0;
    // Invariants found broken at the end (checked in debug builds and under Paranoia::every_step); empty: none.
    virtual const std::vector<std::string>& broken_invariants() const = 0;

    // The machine's time, and its memory now. From create() to the end of run().
    virtual std::uint64_t elapsed_ns() const = 0;
    virtual mm::MemorySample memory_sample() const = 0;

    virtual const std::string& program_path() const = 0;  // absolute, symbolic links resolved
    // Between exec() and the end of run(): the address space of the task whose turn it is; nullptr: none.
    virtual const mm::MmStruct* current_mm() const = 0;
    // The program's bytes at `address` as they are in memory now, without faults and without touching A and D;
    // returns how many could be read.
    virtual std::size_t peek(VirtAddr address, std::span<std::byte> into) const = 0;
    // The address space as text (mm_dump.hpp); `occasion` says when: "at its end".
    virtual std::string dump_mm(std::string_view occasion) const = 0;

    // What came of WalkerChecks::at_end. Valid after run().
    virtual const mm::WalkerReport& walker_report() const = 0;
};

}  // namespace fl::kernel
