// LastWriter: hands on, at the end, no more than the last faults, evictions and write-backs, and what else happened
// among them. What happened before is told in short: the processes that there were, and their mappings.
#pragma once

#include "trace/stored_event.hpp"
#include "trace/uncounted_allocator.hpp"
#include "trace/writer.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

namespace fl::trace {

class LastWriter final : public Writer {
public:
    // `count` is at least 1; `next` must outlive the writer.
    LastWriter(std::uint64_t count, Writer& next) : count_(count), next_(next) {}

    void write(const TracedFault& fault) noexcept override;
    void write_eviction(const mm::EvictionEvent& event) noexcept override { keep(event); }
    void write_write_back(const mm::WriteBackEvent& event) noexcept override { keep(event); }
    bool wants_processes() const noexcept override { return next_.wants_processes(); }
    void write_task(const TaskEvent& event) noexcept override { keep_aside(event); }
    void write_mappings(const MappingsEvent& event) noexcept override { keep_aside(event); }
    void write_sample(const mm::MemorySample& sample) noexcept override { keep_aside(sample); }
    void write_tables(const TableTree& tree) noexcept override;
    // Hands on what was kept.
    void finish() noexcept override;
    // There is nothing to be handed on before the end.
    void flush() noexcept override {}

private:
    struct Entry {
        std::uint64_t number;  // of all events, in their order
        StoredEvent event;
    };
    using Entries = std::deque<Entry, UncountedAllocator<Entry>>;
    // A process before the first event that is kept.
    struct Process {
        std::optional<TaskEvent> fork, exec;
        std::map<VirtAddr, Mapping> mappings;  // by start
        std::uint64_t mappings_time_ns = 0;
        bool has_mappings = false;
    };

    void keep(StoredEvent event) noexcept;
    void keep_aside(StoredEvent event) noexcept;
    void forget_before(std::uint64_t number);
    // It is not kept any more, and changes what there was.
    void sum_up(const StoredEvent& event);
    void write_past();

    std::uint64_t count_;
    Writer& next_;
    FaultStore faults_;
    std::uint64_t last_number_ = 0;
    Entries entries_;                             // faults and reclaim, count_ at most
    Entries aside_;                               // all others, from the oldest of these on
    std::size_t aside_table_rows_ = 0;            // of page tables among them
    std::map<std::uint32_t, Process> processes_;  // by pid
};

}  // namespace fl::trace
