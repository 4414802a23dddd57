// Writer: one form in which a trace is written. Each form (text, JSON lines, ...) is one class behind this interface.
#pragma once

#include "mm/fault_event.hpp"
#include "mm/memory_sample.hpp"
#include "trace/events.hpp"
#include "trace/table_tree.hpp"

#include <cstdint>
#include <string>

namespace fl::trace {

// What is known of the instruction at event.origin.instruction. Empty strings: unknown.
struct Instruction {
    // The same number means the same address and the same texts, so that a writer may keep what it made of them.
    // Numbers rise by one and are not used again. 0: nothing is known, and nothing may be kept.
    std::uint64_t id = 0;
    std::string symbol;  // "main+0x1f"
    std::string source;  // "guest-programs/hello.c:12"
    std::string text;    // "mov dword ptr [rdi], eax"
};

struct TracedFault {
    const mm::FaultEvent& event;
    const Instruction& instruction;
    std::uint64_t cost_ns = 0;  // that the fault took, up to event.origin.time_ns; 0 where the host's clock runs
};

// Calls are made inside the emulator's fault path: they do not throw. What could not be written shows in the Output.
class Writer {
public:
    virtual ~Writer() = default;
    virtual void write(const TracedFault& fault) noexcept = 0;
    // What was done for a fault comes before the fault itself; a dirty page is written back before it is evicted.
    virtual void write_eviction(const mm::EvictionEvent& event) noexcept = 0;
    virtual void write_write_back(const mm::WriteBackEvent& event) noexcept = 0;
    // Processes, their mappings and page tables, and how memory is used from time to time. A form without them need not
    // be given them.
    virtual bool wants_processes() const noexcept { return false; }
    virtual void write_task(const TaskEvent& /*event*/) noexcept {}
    virtual void write_mappings(const MappingsEvent& /*event*/) noexcept {}
    virtual void write_sample(const mm::MemorySample& /*sample*/) noexcept {}
    // What a process's page tables are at its end.
    virtual void write_tables(const TableTree& /*tree*/) noexcept {}
    // After the last event: what the form has at its end. Everything has been handed to the system then.
    virtual void finish() noexcept = 0;
    // Everything written so far is handed to the system.
    virtual void flush() noexcept = 0;
};

}  // namespace fl::trace
