// PerfettoWriter: a trace in Chrome's trace-event format, as JSON, which ui.perfetto.dev and chrome://tracing open
// ("Trace Event Format", the JSON object form). A process is a process, a task is a thread:
//
//   faults             slices (X) of their task, as long as they took, named by their kind, with all fields as
//   arguments evictions, write-backs   instants (i) on the thread "reclaim" of the process "kernel" fork, exec, exit
//   instants (i) of the process samples            counters (C): "rss", "swap" and "page tables" of each process; of
//   the kernel "free frames", "user
//                      frames", "used swap slots" and "free blocks", by order
//   mappings           instants (i) of the process
//
// Times are microseconds with three decimals, which is the nanosecond.
#pragma once

#include "trace/output.hpp"
#include "trace/writer.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace fl::trace {

class PerfettoWriter final : public Writer {
public:
    // `output` must outlive the writer.
    explicit PerfettoWriter(Output& output) : output_(output) {}

    void write(const TracedFault& fault) noexcept override;
    void write_eviction(const mm::EvictionEvent& event) noexcept override;
    void write_write_back(const mm::WriteBackEvent& event) noexcept override;
    bool wants_processes() const noexcept override { return true; }
    void write_task(const TaskEvent& event) noexcept override;
    void write_mappings(const MappingsEvent& event) noexcept override;
    void write_sample(const mm::MemorySample& sample) noexcept override;
    void finish() noexcept override;
    void flush() noexcept override { output_.flush(); }

private:
    // append(to) writes what is between an event's braces.
    template <class Append>
    void write_event(Append&& append) noexcept;
    void begin();
    // Processes and threads get their names before their first event.
    void name_process(std::uint32_t pid, std::string_view name);
    void name_thread(std::uint32_t pid, std::uint32_t tid);
    void write_instant(const TaskEvent& event);

    Output& output_;
    std::string text_;
    bool begun_ = false;
    std::map<std::uint32_t, std::string> process_names_;  // by pid
    std::set<std::uint32_t> threads_;                     // that have a name
};

}  // namespace fl::trace
