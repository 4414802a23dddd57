// TraceSession: everything between a machine's page faults and the file that the user named.
#pragma once

#include "cli/trace_output.hpp"
#include "kernel/machine.hpp"
#include "trace/fault_tracer.hpp"
#include "trace/process_tracer.hpp"
#include "trace/sampler.hpp"

#include <optional>
#include <string>

namespace fl::cli {

class TraceSession final : private trace::CodeReader, private trace::SampleSource {
public:
    TraceSession(OutputFile file, TraceFormat format, TraceSelection selection);
    TraceSession(const TraceSession&) = delete;
    TraceSession& operator=(const TraceSession&) = delete;
    ~TraceSession() = default;

    mm::FaultObserver& observer() { return tracer_; }
    // nullptr: the form tells of faults and reclaim alone.
    mm::ProcessObserver* process_observer() { return output_.writer().wants_processes() ? &processes_ : nullptr; }
    const OutputFile& file() const { return output_.file(); }
    // The machine has no program yet. It must live until its run is over.
    void attach(const kernel::Machine& machine, const trace::FaultCosts& costs) {
        machine_ = &machine;
        tracer_.set_costs(costs);
    }
    // The machine has its program: the trace starts to be written.
    void begin();
    // The run is over. One line where the trace could not be written in full.
    std::optional<std::string> finish() { return output_.finish(); }

private:
    std::size_t peek(VirtAddr address, std::span<std::byte> into) const override;
    std::optional<trace::RunningImage> image() const override;
    std::uint64_t now_ns() const override { return machine_ != nullptr ? machine_->elapsed_ns() : 0; }
    mm::MemorySample sample() const override {
        return machine_ != nullptr ? machine_->memory_sample() : mm::MemorySample{};
    }

    TraceOutput output_;
    trace::FaultTracer tracer_;
    trace::Sampler sampler_;
    trace::ProcessTracer processes_;
    const kernel::Machine* machine_ = nullptr;
};

}  // namespace fl::cli
