#include "kernel/least_memory.hpp"

#include "mm/reclaimer.hpp"
#include "mm/slab/slab_allocator.hpp"

namespace fl::kernel {

namespace {

// What others would see or hear of a machine.
void silence(MachineOptions& options) {
    options.fault_observer = nullptr;
    options.process_observer = nullptr;
    options.memory_observer = nullptr;
    options.strace = {};
    options.kernel_log = {};
    options.modules.clear();
    options.at_stop = {};
    options.at_end = {};
    options.cpuid_log = nullptr;
    options.pressure.swap_file.clear();
}

bool can_run(const MachineOptions& options, const ProgramSpec& program) {
    const auto machine = Machine::create(options);
    return machine && (*machine)->exec(program) && has_room_to_run(**machine);
}

}  // namespace

bool has_room_to_run(const Machine& machine) {
    const mm::PhysicalMemory& memory = machine.inspection().memory;
    return memory.buddy().free_page_count() + memory.reclaimer()->frames() >= least_room;
}

std::optional<PageCount> least_memory(MachineOptions options, const ProgramSpec& program) {
    constexpr PageCount one(1);
    silence(options);
    PageCount too_small = options.memory - one;
    options.memory = mm::SlabAllocator::small_machine - one;
    if (options.memory <= too_small || !can_run(options, program)) return std::nullopt;
    PageCount enough = options.memory;
    while (enough - too_small > one) {
        options.memory = PageCount((too_small + enough).value() / 2);
        (can_run(options, program) ? enough : too_small) = options.memory;
    }
    return enough;
}

}  // namespace fl::kernel
