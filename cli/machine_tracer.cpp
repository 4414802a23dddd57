#include "cli/machine_tracer.hpp"

namespace fl::cli {

MachineTracer::MachineTracer(trace::Writer& writer)
    : wants_processes_(writer.wants_processes()),
      tracer_(writer),
      sampler_(writer, *this),
      processes_(writer, *this, sampler_) {
    if (wants_processes_) tracer_.sample_with(sampler_);
}

}  // namespace fl::cli
