// Sampler: from time to time how memory is used, for a trace.
//
// A sample is taken at a fault once the time since the last one is a fixed part of the time since the start, so that
// there are many at the start, and some 2000 in runs of any length.
#pragma once

#include "mm/memory_sample.hpp"
#include "trace/writer.hpp"

#include <cstdint>

namespace fl::trace {

// The machine, as a trace sees it.
class SampleSource {
public:
    virtual std::uint64_t now_ns() const = 0;
    virtual mm::MemorySample sample() const = 0;

protected:
    ~SampleSource() = default;
};

class Sampler {
public:
    // Both must outlive the sampler.
    Sampler(Writer& writer, const SampleSource& source) : writer_(writer), source_(source) {}

    // A fault was handled. The first one gets a sample.
    void note_fault(std::uint64_t time_ns) noexcept {
        if (time_ns >= due_ns_) take();
    }
    void take() noexcept;

private:
    Writer& writer_;
    const SampleSource& source_;
    std::uint64_t due_ns_ = 0;
};

}  // namespace fl::trace
