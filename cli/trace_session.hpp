// TraceSession: everything between a machine's page faults and the file that the user named.
#pragma once

#include "cli/output_file.hpp"
#include "kernel/machine.hpp"
#include "trace/fault_tracer.hpp"
#include "trace/output.hpp"
#include "trace/process_tracer.hpp"
#include "trace/sampler.hpp"
#include "trace/writer.hpp"

#include <memory>
#include <optional>
#include <string>

namespace fl::cli {

enum class TraceFormat { text, jsonl };

// What others write to as well, or what somebody watches, gets each line at once.
trace::Delivery delivery_for(int descriptor);

class TraceSession final : private trace::CodeReader, private trace::SampleSource {
public:
    TraceSession(OutputFile file, TraceFormat format);
    TraceSession(const TraceSession&) = delete;
    TraceSession& operator=(const TraceSession&) = delete;
    ~TraceSession() = default;

    mm::FaultObserver& observer() { return tracer_; }
    // nullptr: the form tells of faults and reclaim alone.
    mm::ProcessObserver* process_observer() { return writer_->wants_processes() ? &processes_ : nullptr; }
    // The machine has no program yet. It must live until its run is over.
    void attach(const kernel::Machine& machine) { machine_ = &machine; }
    const OutputFile& file() const { return file_; }
    // The machine has its program: the trace starts to be written.
    void begin();
    // The run is over. One line where the trace could not be written in full.
    std::optional<std::string> finish();

private:
    std::size_t peek(VirtAddr address, std::span<std::byte> into) const override;
    std::optional<trace::RunningImage> image() const override;
    std::uint64_t now_ns() const override { return machine_ != nullptr ? machine_->elapsed_ns() : 0; }
    mm::MemorySample sample() const override {
        return machine_ != nullptr ? machine_->memory_sample() : mm::MemorySample{};
    }

    OutputFile file_;
    trace::Output output_;
    std::unique_ptr<trace::Writer> writer_;
    trace::FaultTracer tracer_;
    trace::Sampler sampler_;
    trace::ProcessTracer processes_;
    const kernel::Machine* machine_ = nullptr;
};

}  // namespace fl::cli
