// Khugepaged: the kernel thread that gathers 4 KiB pages in pages of 2 MiB (Linux: mm/khugepaged.c).
//
// Every scan_sleep_millisecs it goes over pages_to_scan pages, address space after address space, in the order in which
// they were made, and within one from the lowest address up. Where it stopped it goes on; past the last address space
// begins the next full scan. What makes a place worth it, and the gathering itself, is MmStruct::khugepaged_collapse().
//
// Unlike Linux's it keeps no list of address spaces (mm_slot), which would count in mm_count of each: it looks for the
// next one whenever it is done with one, and holds on to none while it sleeps.
#pragma once

#include "kernel/machine.hpp"
#include "kernel/processes.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace fl::kernel {

class Khugepaged {
public:
    // All must outlive it, and nothing of them is used before add_thread().
    struct Parts {
        const MachineOptions& options;
        mm::PhysicalMemory& memory;
        Clock& clock;
        Scheduler& scheduler;
        Processes& processes;
    };

    explicit Khugepaged(Parts parts) : parts_(parts) {}
    Khugepaged(const Khugepaged&) = delete;
    Khugepaged& operator=(const Khugepaged&) = delete;
    ~Khugepaged() = default;

    // The thread, where it was asked for; before the first program is added.
    void add_thread(const System& like);
    // Called when the kernel has the processor from a program.
    void note_program_ran() {
        has_run_ = true;
        if (is_parked_) parts_.scheduler.wake(*thread_, WakeReason::event);
    }

private:
    void run(System& system);
    bool is_on() const { return parts_.memory.huge_pages().mode != mm::ThpMode::never; }
    void scan(System& system);
    std::uint64_t scan_next(std::uint64_t pages);
    std::uint64_t scan_space(mm::MmStruct& mm, std::uint64_t pages);
    void end_full_scan();
    mm::MmStruct::Collapse collapse(mm::Vma& vma);
    std::shared_ptr<mm::MmStruct> next_space() const;
    void sleep(System& system, std::uint64_t nanoseconds);
    void sleep_between_scans(System& system);

    Parts parts_;
    Task* thread_ = nullptr;      // nullptr: there is none
    std::uint32_t at_space_ = 0;  // MmStruct::id() of the one it stands in, or of the last that it is done with
    std::optional<VirtAddr> at_;  // up to where that is done; nullopt: all of it
    bool needs_block_ = false;    // the last place found none
    bool has_run_ = true;         // a program, since the last pass
    bool is_parked_ = false;      // until one does
};

}  // namespace fl::kernel
