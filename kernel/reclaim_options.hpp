// What the machine's options mean to the Reclaimer.
#pragma once

#include "kernel/machine.hpp"

namespace fl::kernel {

// All but the clock and who is woken.
mm::ReclaimOptions reclaim_options(const MachineOptions& options);

}  // namespace fl::kernel
