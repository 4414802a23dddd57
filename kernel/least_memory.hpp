// How much RAM a program needs so that it can be started and get anywhere.
#pragma once

#include "kernel/machine.hpp"

#include <optional>

namespace fl::kernel {

// Frames that have to be free, or to hold pages of programs, when the first instruction is about to run: with fewer its
// code and its data would drive each other out for ever. Two user pages (MemoryPressure::least_frames), and the tables
// of the lower three levels, which an access to another part of the address space needs.
inline constexpr PageCount least_room{MemoryPressure::least_frames.value() + 3};

// Whether a machine has that room, between exec() and run().
bool has_room_to_run(const Machine& machine);

// The least RAM from `options.memory` on with which such a machine starts the program and has that room; nullopt: it is
// not memory that the program lacks, or more than a small machine has (SlabAllocator::small_machine). Nothing runs, and
// no observer of the options hears of it.
std::optional<PageCount> least_memory(MachineOptions options, const ProgramSpec& program);

}  // namespace fl::kernel
