// One page fault as a story in plain sentences: what the instruction wanted, what the walk found, which mapping allowed
// it, what the kernel did, what it cost, and who left for it. Everything is computed from what was observed.
#pragma once

#include "mm/fault_event.hpp"
#include "mm/mapping_history.hpp"
#include "mm/page_walk_text.hpp"
#include "trace/writer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::trace {

struct EvictionStory {
    mm::EvictionEvent event;
    std::string described;  // what the policy said of the page before the fault; empty: nothing
};

struct FaultStory {
    mm::FaultEvent event;
    std::string process;      // the program's name
    Instruction instruction;  // unknown while exec builds the image
    // The page table before the fault and after it, for a canonical address; else empty.
    std::vector<mm::LevelStep> walk_before, walk_after;
    // The system call that the mapping at the address came from, and where its instruction is; nullopt: exec.
    std::optional<mm::MappingChange> origin{};
    std::string origin_place;  // "brk+0x12"
    // Where no mapping holds the address: its neighbours.
    std::optional<mm::VmaSnapshot> below{}, above{};
    std::uint64_t cost_ns = 0;  // of this fault under the cost model; 0 for one that failed
    bool costs_count = true;    // false: time is the host's
    std::string policy;         // "clock: second chance on a circular list"
    std::string policy_state;   // before the fault
    std::vector<EvictionStory> evictions;
    std::vector<mm::WriteBackEvent> write_backs;
};

// Paragraphs with headings, ending with a new line; what is not printable in names is replaced.
std::string tell(const FaultStory& story);

}  // namespace fl::trace
