// Cpu: one x86-64 processor in user mode, over Unicorn.
//
// The loop is KVM's: run(registers) executes guest code until something needs the kernel and says what. Page faults
// that the handler can resolve do not end the run; they are served inside it.
//
// Invariants: guest code runs at CPL 3 only; a TLB entry never grants more than the PTE it came from did at the last
// flush_tlb(); a frame reported to CodeFrames::note_rewritten() is translated anew before it runs again.
#pragma once

#include "emu/mmu.hpp"
#include "emu/reference_observer.hpp"
#include "emu/registers.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace fl::emu {

// Processor exception vectors (Intel SDM vol. 3A, table 6-1).
enum class Vector : std::uint8_t {
    divide_error = 0,
    debug = 1,
    breakpoint = 3,
    overflow = 4,
    bound_range = 5,
    invalid_opcode = 6,
    stack_fault = 12,
    general_protection = 13,
    page_fault = 14,
    x87_error = 16,
    alignment_check = 17,
    simd_error = 19,
};

struct Exit {
    enum class Reason : std::uint8_t {
        syscall,    // a SYSCALL instruction; rip is behind it
        fault,      // a page fault that the handler called fatal: `fault` says which
        exception,  // `vector`; rip is the instruction (behind it for breakpoint and debug). `fault` is the access to
                    // an address that is not canonical, where that was the reason; else its address is 0
        quantum,    // the instruction budget is used up
        halt,       // request_stop() or interrupt()
    };
    Reason reason;
    Vector vector{};
    PageFault fault{};
};

enum class Counting : std::uint8_t {
    instructions,  // retired instructions are counted, block by block
    none,          // no counting: faster; retired_instructions() stays 0 and a budget is refused
};

// What RDTSC returns; 0 cycles at start.
class TimestampSource {
public:
    virtual std::uint64_t timestamp_cycles() = 0;

protected:
    ~TimestampSource() = default;
};

struct TlbStats {
    std::uint64_t fills = 0;    // misses of the software TLB, faults included
    std::uint64_t flushes = 0;  // whole flushes: asked for, and to let the TLB grow
};

class Cpu {
public:
    // `handler` and `timestamps` must outlive the Cpu. The error is one line for a person.
    static tl::expected<std::unique_ptr<Cpu>, std::string> create(Mmu& mmu, PageFaultHandler& handler,
                                                                  TimestampSource& timestamps, Counting counting);
    virtual ~Cpu() = default;

    static constexpr std::uint64_t no_budget = std::numeric_limits<std::uint64_t>::max();

    // Runs from `registers` until an exit and leaves the state at the exit in them. `instruction_budget` is
    // block-granular: the run may go past it by one translated block.
    virtual Exit run(Registers& registers, std::uint64_t instruction_budget = no_budget) = 0;

    // The address space to run in (CR3). Flushes the TLB where it changes.
    virtual void set_root(Pfn root) = 0;
    // PTEs lost rights or were removed; takes effect before the next guest access.
    virtual void flush_tlb() = 0;
    // From within a callback: leave run() with Exit::halt as soon as possible.
    virtual void request_stop() = 0;
    // The same before the next block of code, so that the instruction that is executing is done first. Where nobody
    // counts instructions, it is for the next exit to come.
    virtual void request_stop_soon() {}
    // request_stop() from a host's signal handler: async-signal-safe. Outside of run() it ends the next one at once.
    // Asked for in the instant in which a run begins, it may wait for that run's next exit.
    virtual void interrupt() = 0;

    // The instruction that is executing, valid inside the page-fault handler; after run() it is registers.rip. For a
    // fetch that straddles into a missing page it is the start of the translated block.
    virtual VirtAddr instruction_pointer() const = 0;
    virtual std::uint64_t retired_instructions() const = 0;
    virtual TlbStats tlb_stats() const = 0;
    // Where CPUID is executed, in order: to `log` from now on, up to max_cpuid_log entries. Ask before the first run;
    // the log must outlive the last.
    static constexpr std::size_t max_cpuid_log = 65536;
    virtual void log_cpuid(std::vector<VirtAddr>& log) = 0;
    // Every frame that guest code references from now on: to `observer`, which has heard of all of them whenever the
    // page-fault handler is called or run() has returned; nullptr: to nobody, at no cost. Ask at most once, before the
    // first run; the observer must outlive the last. A processor that cannot tell takes no observer.
    virtual void report_references(ReferenceObserver* observer) { FL_ASSERT(observer == nullptr); }

    virtual FpuState fpu_state() const = 0;
    virtual void set_fpu_state(const FpuState& state) = 0;
};

}  // namespace fl::emu
