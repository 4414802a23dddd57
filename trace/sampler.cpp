#include "trace/sampler.hpp"

#include <exception>

namespace fl::trace {

namespace {

constexpr std::uint64_t samples_per_doubling = 160;
// Of so many processes at a time samples get no rarer.
constexpr std::uint64_t few_processes = 16;

}  // namespace

void Sampler::take() noexcept {
    try {
        const mm::MemorySample sample = source_.sample();
        writer_.write_sample(sample);
        const std::uint64_t weight = 1 + sample.processes.size() / few_processes;
        due_ns_ = sample.time_ns + sample.time_ns / samples_per_doubling * weight;
    } catch (const std::exception&) {
        // No memory left for one: the next fault tries again.
    }
}

}  // namespace fl::trace
