// Inspection: a machine that stands still, as the views of `faultline inspect` look at it.
#pragma once

#include "kernel/clock.hpp"
#include "kernel/kernel_log.hpp"
#include "mm/fault_handler.hpp"
#include "mm/file.hpp"
#include "mm/mm_struct.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::kernel {

struct InspectedProcess {
    std::uint32_t pid = 0;
    std::string name;
    const mm::MmStruct* mm = nullptr;  // never nullptr; several processes may share one (vfork)
};

// A task that runs and has no address space of its own: a kernel thread, or a program's that is ending (LazyTlb).
struct Borrower {
    std::uint32_t pid = 0;
    std::string name;
    const mm::MmStruct* active_mm = nullptr;  // in whose page tables the processor is; nullptr: the kernel's own
};

struct Inspection {
    const mm::PhysicalMemory& memory;
    const mm::FaultHandler& faults;
    std::vector<InspectedProcess> processes{};  // those that have an address space, by their numbers
    std::uint32_t current_pid = 0;              // whose turn it is; of a loan who lends
    std::optional<Borrower> borrower{};         // nullopt: whose turn it is has the processor itself
    std::vector<std::shared_ptr<mm::File>> files;
    std::uint64_t instructions = 0;  // executed so far, by all; 0 under ClockMode::host
    std::uint64_t time_ns = 0;       // virtual
    CostModel costs{};
    const KernelLog* log = nullptr;  // never nullptr in a machine

    // nullptr: there is no such process.
    const InspectedProcess* find(std::uint32_t pid) const;
    // The one with this number, or the one whose turn it is; the error is one line.
    tl::expected<const InspectedProcess*, std::string> find_or_current(std::optional<std::uint64_t> pid) const;
    // The first that has this address space; 0: nobody.
    std::uint32_t owner_of(const mm::MmStruct& mm) const;
};

}  // namespace fl::kernel
