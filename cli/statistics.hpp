// What --stats prints: the numbers of a finished run, laid out for people or as JSON.
//
// The JSON object, in pages of 4096 bytes where it says pages:
//   program                  the path as given
//   exit_status, signal      as of the guest; signal is null unless one ended it
//   stopped                  why it came to no end of its own: a limit, or what its policy did wrong; null: it did
//   faults                   total, minor, major (as getrusage counts them), by_kind: one count for each kind
//   memory_pages             total, used, peak, page_tables: frames of the machine; the last of the program's tables
//   buddy_free_blocks        free blocks of order 0, 1, ... 10 (2^order pages each)
//   huge_pages               fault_alloc, fault_fallback, collapse_alloc, collapse_alloc_failed, split_pmd, split_page:
//                            the thp_ counters of /proc/vmstat
//   tlb                      fills (misses, faults included), flushes
//   mappings                 VMAs at the end
//   resident_pages           anonymous, file, shared_memory, total, high_water
//   virtual_pages            total, high_water, data, exec, stack, locked
//   replacement              policy, parameters (null without --policy), state; frames: limit (null: none), used, peak,
//   of
//                            user pages; references, hits (null unless the policy needs every reference), faults;
//                            evictions: total, clean, dirty, dropped (of the clean), by_reason; admitted, refaults,
//                            written_ahead, failed_writes, looked_at, direct_reclaims, kswapd_runs, oom_kills
//   swap                     slots, used, reads, writes, read_errors, write_errors
//   working_set              interval_ns, pages: how many were touched in each interval
//   effective_access         references, counted ("references", or "instructions" where these stand for them),
//   memory_ns,
//                            minor_ns, major_ns, time_ns; references, counted and time_ns are null where neither was
//                            counted
//   system_calls
//   instructions             null under --clock host, where they are not counted
//   virtual_time_ns, wall_time_ns
#pragma once

#include "kernel/machine.hpp"

#include <optional>
#include <string>

namespace fl::cli {

struct RunSummary {
    const std::string& program;
    const kernel::ExitStatus& exit;
    const kernel::MachineStatistics& statistics;
    kernel::ClockMode clock;
    std::optional<replacement::PolicyChoice> policy{};  // as the user chose it; nullopt: he did not
    std::string stopped{};                              // why it came to no end of its own; empty: it did
};

std::string statistics_text(const RunSummary& run);
std::string statistics_json(const RunSummary& run);

}  // namespace fl::cli
