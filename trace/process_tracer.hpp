// ProcessTracer: sees processes come and go and their address spaces change, and hands to a writer what is new.
//
// It knows each address space's VMAs as it told of them last. A change costs as much as there are VMAs around it, so
// that a process may have tens of thousands.
#pragma once

#include "mm/process_observer.hpp"
#include "trace/events.hpp"
#include "trace/sampler.hpp"
#include "trace/writer.hpp"

#include <cstdint>
#include <map>

namespace fl::trace {

class ProcessTracer final : public mm::ProcessObserver {
public:
    // All must outlive the tracer. The sampler takes its last sample where the last process ends.
    ProcessTracer(Writer& writer, const SampleSource& machine, Sampler& sampler)
        : writer_(writer), machine_(machine), sampler_(sampler) {}

    void on_mappings(std::uint32_t process, const mm::MmStruct& mm, VirtRange changed) noexcept override;
    void on_fork(std::uint32_t parent, std::uint32_t child) noexcept override;
    void on_exec(std::uint32_t process, const std::string& path) noexcept override;
    void on_exit(std::uint32_t process, const mm::ProcessEnd& end) noexcept override;

private:
    using Mappings = std::map<VirtAddr, Mapping>;  // by start
    struct Space {
        Mappings mappings;
        std::uint32_t processes = 0;       // that have it
        const mm::MmStruct* mm = nullptr;  // there as long as one of them is
    };

    static Mapping mapping_of(const mm::MmStruct& mm, const mm::Vma& vma);
    // What differs from `space`, which then has it.
    static MappingsEvent update(Space& space, const mm::MmStruct& mm, VirtRange changed);
    void enter(std::uint32_t process, std::uint32_t id);
    void leave(std::uint32_t process);
    void tell_tables(std::uint32_t process);

    Writer& writer_;
    const SampleSource& machine_;
    Sampler& sampler_;
    std::map<std::uint32_t, std::uint32_t> space_of_;  // by process: the number of its mm
    std::map<std::uint32_t, Space> spaces_;            // by the mm's number
};

}  // namespace fl::trace
