// TraceSession: everything between a machine's page faults and the file that the user named.
#pragma once

#include "cli/machine_tracer.hpp"
#include "cli/trace_output.hpp"

#include <optional>
#include <string>

namespace fl::cli {

class TraceSession final {
public:
    TraceSession(OutputFile file, TraceFormat format, TraceSelection selection);
    TraceSession(const TraceSession&) = delete;
    TraceSession& operator=(const TraceSession&) = delete;
    ~TraceSession() = default;

    MachineTracer& tracer() { return tracer_; }
    const OutputFile& file() const { return output_.file(); }
    // The machine has its program: the trace starts to be written.
    void begin();
    // The run is over. One line where the trace could not be written in full.
    std::optional<std::string> finish() { return output_.finish(); }

private:
    TraceOutput output_;
    MachineTracer tracer_;
};

}  // namespace fl::cli
