// ReferenceReporter: what Unicorn's hooks tell of memory accesses, made into frames for a ReferenceObserver.
//
// Data: the hooks tell the physical address, once the TLB has an entry for it; so of an access that faults they tell
// when the fault was resolved, and nothing where it was fatal. Of an access over a page's end they tell the first page
// alone. Where the second lies is learnt from the TLB: flushed in the hook, it misses for both, a load's first page
// before its second, a store's second before its first.
//
// Code: the block hook tells the virtual address of what is entered.
//
// Two things of Unicorn would leave gaps, but for being started anew before the next block. It keeps silent about data
// while it splits a store, and for good where that store rewrote the block that it is in. And it goes from block to
// block within a page without asking the TLB, after the page was evicted as well.
//
// Invariant: no frame remembered here outlives flush_references(), which is called before any code of the kernel may
// look at references or change page tables: the observer has heard of all then.
#pragma once

#include "emu/mmu.hpp"
#include "emu/reference_observer.hpp"

#include <unicorn/unicorn.h>

#include <array>
#include <cstdint>

namespace fl::emu {

class ReferenceReporter {
public:
    // Hooks into `engine`, which must not have translated anything that is to be reported. All must outlive the object,
    // and it the last run.
    ReferenceReporter(uc_engine* engine, Mmu& mmu, ReferenceObserver& observer);
    ReferenceReporter(const ReferenceReporter&) = delete;
    ReferenceReporter& operator=(const ReferenceReporter&) = delete;

    // A translated block is about to be entered in the address space `root`. False: it is not; wants_stop() or
    // wants_restart() says what comes instead.
    [[nodiscard]] bool report_block(Pfn root, VirtAddr start, std::uint32_t size_bytes);
    // The TLB gets an entry for this frame.
    void note_filled(Pfn pfn) {
        if (fills_to_second_page_ != 0 && --fills_to_second_page_ == 0) add(pfn, straddling_);
    }
    // The kernel is about to run, within an access or after it.
    void flush_references();
    // The run has ended, perhaps amid an access.
    void note_run_ended();

    // The observer has asked for the run to end, and the kernel has not run since.
    bool wants_stop() const { return wants_stop_; }
    // The block is to be entered from a new start of Unicorn.
    bool wants_restart() const { return wants_restart_; }
    void forget_restart() { wants_restart_ = false; }

private:
    struct CodePage {
        Vpn vpn{~std::uint64_t{0}};  // no page's number
        Pfn pfn{};
    };

    void report_data(Access access, PhysAddr address, std::uint64_t size_bytes);
    const CodePage* find_code(Pfn root, VirtAddr address);
    void add(Pfn pfn, Access access);
    void tell();
    static void on_memory(uc_engine*, uc_mem_type type, std::uint64_t address, int size_bytes, std::int64_t value,
                          void* user_data) noexcept;

    uc_engine* engine_;
    Mmu& mmu_;
    ReferenceObserver& observer_;
    // References in a row that the observer has not heard of.
    Pfn pfn_{};
    Access access_ = Access::read;
    std::uint32_t count_ = 0;

    // An access over a page's end, of which the second page is yet to come.
    Access straddling_ = Access::read;
    unsigned fills_to_second_page_ = 0;

    bool wants_restart_ = false;
    bool wants_stop_ = false;
    std::array<CodePage, 16> code_pages_;  // direct-mapped by page number
};

}  // namespace fl::emu
