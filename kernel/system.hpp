// System: what a system call works on: the process, and the machine's parts that it may ask.
#pragma once

#include "emu/cpu.hpp"
#include "kernel/clock.hpp"
#include "kernel/random.hpp"
#include "kernel/task.hpp"
#include "kernel/vfs/vfs.hpp"
#include "mm/fault_handler.hpp"
#include "mm/physical_memory.hpp"

#include <cstddef>
#include <vector>

namespace fl::loader {
class Vdso;
}

namespace fl::kernel {

class Processes;
class Futexes;
class SysvIpc;

struct System {
    Task& task;
    emu::Cpu& cpu;
    Clock& clock;
    Random& random;
    mm::PhysicalMemory& memory;
    mm::FaultHandler& faults;
    Vfs& vfs;
    emu::Mmu& mmu;
    Scheduler& scheduler;
    Processes& processes;
    Futexes& futexes;
    SysvIpc& ipc;
    const loader::Vdso* vdso;         // nullptr: programs get none, and exec fails
    std::vector<std::byte> transfer;  // between guest memory and the host, kept from call to call

    mm::UserMemory& user() const { return *task.user_memory; }
};

}  // namespace fl::kernel
