#include "trace/stored_event.hpp"

#include <exception>

namespace fl::trace {

namespace {

constexpr std::size_t max_known = 65536;

struct Writing {
    Writer& writer;
    void operator()(const StoredFault& fault) const {
        mm::FaultEvent event = fault.event;
        if (event.vma && fault.vma_name != nullptr) event.vma->name = *fault.vma_name;
        writer.write({event, *fault.instruction, fault.cost_ns});
    }
    void operator()(const mm::EvictionEvent& event) const { writer.write_eviction(event); }
    void operator()(const mm::WriteBackEvent& event) const { writer.write_write_back(event); }
    void operator()(const TaskEvent& event) const { writer.write_task(event); }
    void operator()(const MappingsEvent& event) const { writer.write_mappings(event); }
    void operator()(const mm::MemorySample& sample) const { writer.write_sample(sample); }
    void operator()(const TableTree& tree) const { writer.write_tables(tree); }
};

}  // namespace

void write_stored(const StoredEvent& event, Writer& writer) noexcept {
    try {
        std::visit(Writing{writer}, event);
    } catch (const std::exception&) {
        // No memory left for the name: what is missing shows in the numbering.
    }
}

StoredFault FaultStore::store(const TracedFault& fault) {
    if (instructions_.size() >= max_known) instructions_.clear();
    if (names_.size() >= max_known) names_.clear();
    StoredFault stored{fault.event, nullptr, nullptr, fault.cost_ns};
    if (stored.event.vma) {
        auto& name = names_[stored.event.vma->name];
        if (name == nullptr) name = std::make_shared<const std::string>(stored.event.vma->name);
        stored.vma_name = name;
        stored.event.vma->name = std::string();
    }
    if (fault.instruction.id == 0) {
        stored.instruction = std::make_shared<const Instruction>(fault.instruction);
        return stored;
    }
    auto& known = instructions_[fault.instruction.id];
    if (known == nullptr) known = std::make_shared<const Instruction>(fault.instruction);
    stored.instruction = known;
    return stored;
}

}  // namespace fl::trace
