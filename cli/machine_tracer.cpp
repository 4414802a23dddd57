#include "cli/machine_tracer.hpp"

namespace fl::cli {

MachineTracer::MachineTracer(trace::Writer& writer)
    : wants_processes_(writer.wants_processes()),
      tracer_(writer),
      sampler_(writer, *this),
      processes_(writer, *this, sampler_) {
    if (wants_processes_) tracer_.sample_with(sampler_);
}

std::size_t MachineTracer::peek(VirtAddr address, std::span<std::byte> into) const {
    return machine_->peek(address, into);
}

std::optional<trace::RunningImage> MachineTracer::image() const {
    const mm::MmStruct* mm = machine_->current_mm();
    if (mm == nullptr || mm->exe_file() == nullptr) return std::nullopt;
    return trace::RunningImage{mm->exe_file(), mm->bounds().load_bias};
}

}  // namespace fl::cli
