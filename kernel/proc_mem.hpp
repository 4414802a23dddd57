// /proc/PID/mem: an address space as a file (fs/proc/base.c, mem_rw).
//
// The offset is the address. It reads what cannot be read and writes what cannot be written, as a debugger does: a
// write to private memory that forbids it gets a copy of its own (access_process_vm with FOLL_FORCE). What is not
// mapped is EIO.
#pragma once

#include "kernel/procfs.hpp"

namespace fl::kernel {

Result<std::shared_ptr<FileDescription>> open_mem(System& system, Task& task, const DentryPointer& dentry, int flags);

}  // namespace fl::kernel
