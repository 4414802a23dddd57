// StoredEvent: an event of a trace that is kept for later, with all that it needs.
#pragma once

#include "trace/writer.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>

namespace fl::trace {

struct StoredFault {
    mm::FaultEvent event;                            // its VMA without a name
    std::shared_ptr<const std::string> vma_name;     // nullptr: there is no VMA
    std::shared_ptr<const Instruction> instruction;  // never nullptr
    std::uint64_t cost_ns = 0;
};

using StoredEvent = std::variant<StoredFault, mm::EvictionEvent, mm::WriteBackEvent, TaskEvent, MappingsEvent,
                                 mm::MemorySample, TableTree>;

void write_stored(const StoredEvent& event, Writer& writer) noexcept;

// Makes stored faults; those of one instruction share what is known of it, those of one mapping its name.
class FaultStore {
public:
    StoredFault store(const TracedFault& fault);

private:
    std::unordered_map<std::uint64_t, std::shared_ptr<const Instruction>> instructions_;  // by id
    std::unordered_map<std::string, std::shared_ptr<const std::string>> names_;
};

}  // namespace fl::trace
