// StoredEvent: an event of a trace that is kept for later, with all that it needs.
#pragma once

#include "trace/writer.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <variant>

namespace fl::trace {

struct StoredFault {
    mm::FaultEvent event;
    std::shared_ptr<const Instruction> instruction;  // never nullptr
    std::uint64_t cost_ns = 0;
};

using StoredEvent =
    std::variant<StoredFault, mm::EvictionEvent, mm::WriteBackEvent, TaskEvent, MappingsEvent, mm::MemorySample>;

void write_stored(const StoredEvent& event, Writer& writer) noexcept;

// Makes stored faults; those of one instruction share what is known of it.
class FaultStore {
public:
    StoredFault store(const TracedFault& fault);

private:
    std::unordered_map<std::uint64_t, std::shared_ptr<const Instruction>> instructions_;  // by id
};

}  // namespace fl::trace
