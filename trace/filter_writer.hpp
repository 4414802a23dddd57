// FilterWriter: hands on the faults, evictions and write-backs that a filter means, and all of the rest: processes,
// mappings and samples, in which they stand.
#pragma once

#include "trace/filter.hpp"
#include "trace/writer.hpp"

namespace fl::trace {

class FilterWriter final : public Writer {
public:
    // `next` must outlive the writer.
    FilterWriter(Filter filter, Writer& next) : filter_(std::move(filter)), next_(next) {}

    void write(const TracedFault& fault) noexcept override {
        if (matches({.fault = &fault})) next_.write(fault);
    }
    void write_eviction(const mm::EvictionEvent& event) noexcept override {
        if (matches({.eviction = &event})) next_.write_eviction(event);
    }
    void write_write_back(const mm::WriteBackEvent& event) noexcept override {
        if (matches({.write_back = &event})) next_.write_write_back(event);
    }
    bool wants_processes() const noexcept override { return next_.wants_processes(); }
    void write_task(const TaskEvent& event) noexcept override { next_.write_task(event); }
    void write_mappings(const MappingsEvent& event) noexcept override { next_.write_mappings(event); }
    void write_sample(const mm::MemorySample& sample) noexcept override { next_.write_sample(sample); }
    void write_tables(const TableTree& tree) noexcept override { next_.write_tables(tree); }
    void finish() noexcept override { next_.finish(); }
    void flush() noexcept override { next_.flush(); }

private:
    bool matches(const FilteredEvent& event) const noexcept { return filter_.matches(event); }

    Filter filter_;
    Writer& next_;
};

}  // namespace fl::trace
