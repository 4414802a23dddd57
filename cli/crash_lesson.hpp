// What a program that died of SIGSEGV or SIGBUS is told on standard error: a few lines about the access and the likely
// reason for it.
#pragma once

#include "kernel/machine.hpp"

#include <string>

namespace fl::cli {

// From MachineOptions::at_end, while the address space is still there; empty where the program did not die of an
// access.
std::string crash_lesson(const kernel::Machine& machine);

}  // namespace fl::cli
