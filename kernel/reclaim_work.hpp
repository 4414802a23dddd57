// ReclaimWork: the machine's part in page replacement: it makes the Reclaimer and what that swaps to, has done what is
// due by the clock, and runs kswapd (Linux: mm/vmscan.c, kswapd()).
//
// kswapd is a kernel thread that sleeps until free frames fall below the low watermark. Woken, it is the next to run
// when the kernel has the processor, and works up to the high watermark in steps between which others may run.
#pragma once

#include "kernel/machine.hpp"
#include "kernel/processes.hpp"
#include "mm/reclaimer.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace fl::kernel {

class ReclaimWork {
public:
    // All must outlive it, and nothing of them is used before start().
    struct Parts {
        const MachineOptions& options;
        mm::PhysicalMemory& memory;
        Clock& clock;
        Scheduler& scheduler;
        Processes& processes;
        // The program that runs in user mode, if one does, is to stop soon: kswapd has work.
        std::function<void()> stop_program;
    };

    explicit ReclaimWork(Parts parts) : parts_(std::move(parts)) {}
    ReclaimWork(const ReclaimWork&) = delete;
    ReclaimWork& operator=(const ReclaimWork&) = delete;

    // `origins` knows whose an address space is. The error is one line.
    tl::expected<void, std::string> start(emu::Cpu& cpu, mm::OomHandler& oom_handler,
                                          const mm::FaultOriginSource& origins);
    // kswapd, where it was asked for; before the first program is added.
    void add_kswapd(const System& like);

    // After start().
    mm::Reclaimer& reclaimer() { return *reclaimer_; }
    const mm::SwapDevice& swap() const { return *swap_; }

    // Called when the kernel has the processor: the policy's ticks, samples of the working set; kswapd is woken.
    void do_due_work();
    // The running task is to let kswapd go first.
    bool wants_processor() const;
    // Until do_due_work() has something to do by the clock; nullopt: no matter.
    std::optional<std::uint64_t> time_left_ns() const;

    // Whether the policy broke its contract; from then on policy_error() says how.
    bool has_failed();
    const std::string& policy_error() const { return policy_error_; }

    void gather(MachineStatistics& statistics) const;
    void gather(mm::MemorySample& sample) const;

private:
    bool kswapd_is_due() const;
    void wake_kswapd();
    void run_kswapd(System& system);
    void balance(System& system);

    Parts parts_;
    emu::Cpu* cpu_ = nullptr;
    std::unique_ptr<mm::SwapDevice> swap_;
    std::unique_ptr<mm::Reclaimer> reclaimer_;
    Task* kswapd_ = nullptr;                               // nullptr: there is none
    std::uint64_t retired_at_kswapd_ = ~std::uint64_t{0};  // instructions, when it last began to work
    std::string policy_error_;
};

}  // namespace fl::kernel
