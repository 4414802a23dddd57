// RAM that is too small for the program is refused, as other values of --mem are.
#pragma once

#include "kernel/machine.hpp"

namespace fl::cli {

// `started`: the machine after exec(); nullptr: that has failed. Throws UsageError, which names the least that works,
// where it is memory that the program lacks.
void want_enough_memory(const kernel::Machine* started, const kernel::MachineOptions& options,
                        const kernel::ProgramSpec& program);

}  // namespace fl::cli
