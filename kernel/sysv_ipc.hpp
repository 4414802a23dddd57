// SysvIpc: all System V IPC of the machine (Linux: struct ipc_namespace).
#pragma once

#include "kernel/sysv_msg.hpp"
#include "kernel/sysv_sem.hpp"
#include "kernel/sysv_shm.hpp"

namespace fl::kernel {

class SysvIpc {
public:
    SysvIpc(Clock& clock, const std::function<std::uint32_t()>& running_pid)
        : shm(clock, running_pid), sem(clock), msg(clock) {}

    ShmSegments shm;
    SemaphoreSets sem;
    MessageQueues msg;
};

}  // namespace fl::kernel
