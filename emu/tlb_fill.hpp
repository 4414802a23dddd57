// TlbFill: answers the misses of Unicorn's software TLB: the page walk, the fault handler where the walk fails, and
// what the entry grants.
//
// Invariant: an entry never grants more than its PTE did at the last flush(), and no store goes unseen to a frame that
// code was translated from.
#pragma once

#include "emu/cpu.hpp"
#include "emu/operand_decoder.hpp"

#include <unicorn/unicorn.h>

#include <optional>

namespace fl::emu {

class ReferenceReporter;

class TlbFill final : private FaultLocator {
public:
    // A miss that ends the run leaves in `exit` why, unless something else ended it before.
    TlbFill(Mmu& mmu, PageFaultHandler& handler, std::optional<Exit>& exit)
        : mmu_(mmu), handler_(handler), exit_(exit) {}
    TlbFill(const TlbFill&) = delete;
    TlbFill& operator=(const TlbFill&) = delete;

    // From here on the misses of `engine`, which this must outlive, come here.
    void attach(uc_engine* engine);

    // It hears of each entry, and before the fault handler is called. It must outlive the last run.
    void report_to(ReferenceReporter& reporter) { reporter_ = &reporter; }

    // The number of retired instructions is there.
    void count_by(const std::uint64_t& retired) { retired_ = &retired; }

    Pfn root() const { return root_; }
    void set_root(Pfn root);
    // Entries may grant too much: flush before the next access.
    void note_stale() { stale_ = true; }
    bool is_stale() const { return stale_; }
    void flush();
    const TlbStats& stats() const { return stats_; }

    // A fetch hit a frame whose translations are stale, which ended the run: throw them away and run again.
    bool wants_retranslation() const { return wants_retranslation_; }
    void forget_retranslation() { wants_retranslation_ = false; }
    // The page that is executing was taken away, or looks as if nobody had touched it: the run is to end before the
    // next block, so that it is fetched from anew. Blocks that follow each other in one page do not ask the TLB.
    // (Stopped from within the hook, Unicorn would repeat the instruction, which may have changed memory already.)
    bool wants_restart() const { return wants_restart_; }
    void forget_restart() { wants_restart_ = false; }

private:
    bool fill(VirtAddr page, Access access, uc_tlb_entry& entry);
    VirtAddr locate(const PageFault& fault) const override;
    InstructionAttempt attempt() const override;
    std::uint64_t registers_hash() const override;
    bool current_instruction_writes(VirtAddr page) const;
    // After a flush within a block: the page that executes is not asked for again, and so counts as held by the TLB
    // still.
    void keep_code_page();
    Vector non_canonical_vector(VirtAddr page, Access access) const;
    static bool on_tlb_fill(uc_engine*, std::uint64_t address, uc_mem_type type, uc_tlb_entry* entry,
                            void* user_data) noexcept;

    // The TLB of Unicorn starts at 256 entries and changes its size only at a flush, doubling where most entries were
    // in use. After twice as many random fills as there are entries 86 % of them are, so flushing at these distances,
    // each twice the last, lets it follow the working set at a cost that vanishes.
    static constexpr std::uint64_t first_growth_distance = 512;

    Mmu& mmu_;
    PageFaultHandler& handler_;
    std::optional<Exit>& exit_;
    uc_engine* engine_ = nullptr;
    ReferenceReporter* reporter_ = nullptr;
    const std::uint64_t* retired_ = nullptr;
    Pfn root_{};
    bool stale_ = false;
    bool wants_retranslation_ = false;
    bool wants_restart_ = false;
    mutable OperandDecoder decoder_;
    TlbStats stats_;
    std::uint64_t growth_distance_ = first_growth_distance;
    std::uint64_t next_growth_ = first_growth_distance;
};

}  // namespace fl::emu
