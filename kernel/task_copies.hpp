// A task's own copies of what it shares with others (Linux: kernel/fork.c, copy_files(), copy_fs()).
#pragma once

#include "kernel/task.hpp"

namespace fl::kernel {

// ENOMEM.
Result<std::shared_ptr<FileTable>> copy_files(mm::PhysicalMemory& memory, const FileTable& from);
Result<std::shared_ptr<FileSystemContext>> copy_fs(mm::PhysicalMemory& memory, const FileSystemContext& from);

// What the first program has at its start takes memory as well. ENOMEM.
Result<void> account_first_task(mm::PhysicalMemory& memory, Task& task);

}  // namespace fl::kernel
