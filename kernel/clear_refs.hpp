// /proc/PID/clear_refs (Linux: fs/proc/task_mmu.c, clear_refs_write).
#pragma once

#include "kernel/system.hpp"

#include <string_view>

namespace fl::kernel {

// "1" all pages, "2" those of anonymous memory, "3" those of files look untouched; "4" the soft-dirty bits, of which
// there are none; "5" the peak of the resident set. EINVAL.
Result<void> clear_refs(System& system, Task& task, std::string_view text);

}  // namespace fl::kernel
