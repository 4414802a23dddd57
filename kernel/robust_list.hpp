// Robust futexes: the locks that a thread held when it ended are handed on with a mark (Linux: kernel/futex/core.c,
// exit_robust_list).
#pragma once

#include "kernel/system.hpp"

namespace fl::kernel {

// Walks the list that task.robust_list leads to. What of it cannot be read ends it.
void release_robust_list(System& system);

}  // namespace fl::kernel
