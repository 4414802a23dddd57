// What the kernel says of the machine before the first program runs, in the words of Linux where Linux has any.
#pragma once

#include "kernel/kernel_state.hpp"
#include "kernel/machine.hpp"

#include <string>

namespace fl::mm {
class SwapDevice;
}

namespace fl::kernel {

// "Linux version ...": /proc/version, without the new line.
std::string linux_banner();

// The command line under which Linux would be this machine with this program: "mem=262144K init=/bin/a -- b c", as
// long as COMMAND_LINE_SIZE allows.
std::string command_line_of(const MachineOptions& options, const ProgramSpec& program);

// Into kernel.log; kernel.command_line is there.
void log_boot(KernelState& kernel, const mm::PhysicalMemory& memory, const mm::SwapDevice& swap);

}  // namespace fl::kernel
