// Kcompactd: the kernel thread that makes blocks of free frames when somebody wants one and does not wait for it
// (Linux: mm/compaction.c, kcompactd()): a page fault where `defrag` says defer, and whoever asked for a block before
// kswapd went back to sleep. Compaction does the work.
#pragma once

#include "kernel/machine.hpp"
#include "kernel/processes.hpp"

#include <functional>

namespace fl::kernel {

class Kcompactd {
public:
    // All must outlive it, and nothing of them is used before add_thread().
    struct Parts {
        const MachineOptions& options;
        mm::PhysicalMemory& memory;
        Scheduler& scheduler;
        Processes& processes;
        // The program that runs in user mode, if one does, is to stop soon: there is somebody else who is ready.
        std::function<void()> stop_program;
    };

    explicit Kcompactd(Parts parts) : parts_(std::move(parts)) {}
    Kcompactd(const Kcompactd&) = delete;
    Kcompactd& operator=(const Kcompactd&) = delete;
    ~Kcompactd() = default;

    // The thread, where it was asked for; before the first program is added.
    void add_thread(const System& like);

private:
    void run(System& system);
    void wake();

    Parts parts_;
    Task* thread_ = nullptr;  // nullptr: there is none
    bool is_due_ = false;
};

}  // namespace fl::kernel
