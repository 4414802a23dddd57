// Who may look into another process: its memory, its files, what it waits in (Linux: kernel/ptrace.c,
// __ptrace_may_access and security/commoncap.c).
#pragma once

#include "kernel/task.hpp"

namespace fl::kernel {

// Which of the caller's numbers count.
enum class PtraceMode : std::uint8_t {
    file_system,  // PTRACE_MODE_FSCREDS: /proc
    real,         // PTRACE_MODE_REALCREDS: calls that name a process
};

bool may_ptrace(const Task& caller, const Task& target, PtraceMode mode);

}  // namespace fl::kernel
