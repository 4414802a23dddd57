// MachineTracer: what happens in a machine, handed to a writer: faults with their instructions, reclaim, processes,
// samples.
#pragma once

#include "cli/machine_code.hpp"
#include "kernel/machine.hpp"
#include "trace/fault_tracer.hpp"
#include "trace/process_tracer.hpp"
#include "trace/sampler.hpp"
#include "trace/writer.hpp"

#include <optional>

namespace fl::cli {

class MachineTracer final : private trace::SampleSource {
public:
    // `writer` must outlive the tracer.
    explicit MachineTracer(trace::Writer& writer);
    MachineTracer(const MachineTracer&) = delete;
    MachineTracer& operator=(const MachineTracer&) = delete;
    ~MachineTracer() = default;

    mm::FaultObserver& fault_observer() { return tracer_; }
    // nullptr: the form tells of faults and reclaim alone.
    mm::ProcessObserver* process_observer() { return wants_processes_ ? &processes_ : nullptr; }
    // The machine has no program yet. It must live until its run is over.
    void attach(const kernel::Machine& machine, const trace::FaultCosts& costs) {
        machine_ = &machine;
        code_.emplace(machine);
        tracer_.set_costs(costs);
    }
    // It has one: from now on instructions can be named.
    void begin() { tracer_.attach(*code_); }

private:
    std::uint64_t now_ns() const override { return machine_ != nullptr ? machine_->elapsed_ns() : 0; }
    mm::MemorySample sample() const override {
        return machine_ != nullptr ? machine_->memory_sample() : mm::MemorySample{};
    }

    bool wants_processes_;
    trace::FaultTracer tracer_;
    trace::Sampler sampler_;
    trace::ProcessTracer processes_;
    const kernel::Machine* machine_ = nullptr;
    std::optional<MachineCode> code_;
};

}  // namespace fl::cli
