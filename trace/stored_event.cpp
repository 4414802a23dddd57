#include "trace/stored_event.hpp"

namespace fl::trace {

namespace {

constexpr std::size_t max_known_instructions = 65536;

struct Writing {
    Writer& writer;
    void operator()(const StoredFault& fault) const { writer.write({fault.event, *fault.instruction, fault.cost_ns}); }
    void operator()(const mm::EvictionEvent& event) const { writer.write_eviction(event); }
    void operator()(const mm::WriteBackEvent& event) const { writer.write_write_back(event); }
    void operator()(const TaskEvent& event) const { writer.write_task(event); }
    void operator()(const MappingsEvent& event) const { writer.write_mappings(event); }
    void operator()(const mm::MemorySample& sample) const { writer.write_sample(sample); }
};

}  // namespace

void write_stored(const StoredEvent& event, Writer& writer) noexcept { std::visit(Writing{writer}, event); }

StoredFault FaultStore::store(const TracedFault& fault) {
    const std::uint64_t id = fault.instruction.id;
    if (id == 0) return {fault.event, std::make_shared<const Instruction>(fault.instruction), fault.cost_ns};
    if (instructions_.size() >= max_known_instructions) instructions_.clear();
    auto& known = instructions_[id];
    if (known == nullptr) known = std::make_shared<const Instruction>(fault.instruction);
    return {fault.event, known, fault.cost_ns};
}

}  // namespace fl::trace
