// Flusher: the kernel thread that brings pages of files that have been written to back to the host, once they have been
// dirty for long enough (Linux: fs/fs-writeback.c, wb_workfn() and wb_check_old_data_flush(); its threads are called
// kworker).
//
// What write(2) writes is there at once; what a program writes to a shared mapping waits until somebody asks for it, or
// the last user of the file goes. The first such write to a clean file starts its age and, where nothing else was
// dirty, a timer of dirty_writeback_centisecs. When that expires the thread writes all files back that have been dirty
// for dirty_expire_centisecs, and the timer runs again as long as any is dirty. What is written back is mapped
// read-only again, so that the next write to it is a page fault (write_notify): with the thread a program takes other
// faults than without.
#pragma once

#include "kernel/machine.hpp"
#include "kernel/processes.hpp"
#include "mm/file.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace fl::kernel {

class Flusher {
public:
    // All must outlive it, and nothing of them is used before add_thread().
    struct Parts {
        const MachineOptions& options;
        Scheduler& scheduler;
        Processes& processes;
        // The program that runs in user mode, if one does, is to stop soon: there is a timer that it does not know of.
        std::function<void()> stop_program;
    };

    explicit Flusher(Parts parts) : parts_(std::move(parts)) {}
    Flusher(const Flusher&) = delete;
    Flusher& operator=(const Flusher&) = delete;
    ~Flusher() = default;

    // The thread, where it was asked for; before the first program is added.
    void add_thread(const System& like);
    // A page fault has been handled, by which a shared mapping of a file may have become writable.
    void note_fault(mm::MmStruct& mm, const mm::FaultEvent& event);

private:
    struct Dirty {
        std::weak_ptr<mm::File> file;
        std::uint64_t since_ns;
    };

    void note_dirtied(mm::File& file);
    void start_timer();
    void run(System& system);
    void write_back_old();

    Parts parts_;
    Task* thread_ = nullptr;  // nullptr: there is none
    std::vector<Dirty> dirty_;
    std::optional<Timers::Id> timer_;
    bool is_due_ = false;
};

}  // namespace fl::kernel
