// What the views of inspect.hpp show, as data: `faultline inspect --json` tells of the same runs.
#pragma once

#include "kernel/inspect_text.hpp"
#include "mm/page_walk_text.hpp"
#include "mm/swap_device.hpp"

#include <array>
#include <map>
#include <optional>
#include <vector>

namespace fl::kernel {

// Entries of page tables, in pages.
struct Residency {
    std::uint64_t in_memory = 0;  // counted as RSS counts: not the zero page
    std::uint64_t zero_page = 0;
    std::uint64_t in_swap = 0;
};
Residency residency(const mm::MmStruct& mm, VirtRange range);

// Which table of which process.
struct TableUse {
    std::uint32_t pid = 0;
    VirtRange range{};
    // 4: the PGD.
    unsigned level() const;
};

// Neighbouring frames with the same use.
struct FrameRun {
    Pfn first{};
    std::uint64_t count = 0;
    mm::FrameState state{};
    std::uint32_t references = 0, mappings = 0;  // each frame's
    std::string letters;                         // of user pages: frame_letters()
    const mm::File* file = nullptr;              // of which they are pages, from file_page on
    std::uint64_t file_page = 0;
    std::optional<MappedAt> mapped;  // of private pages: where, one page after the other
    std::optional<TableUse> table;   // of a page table

    bool is_user() const { return file != nullptr || state == mm::FrameState::anonymous; }
};
std::vector<FrameRun> frame_runs(const Inspection& machine);

// Neighbouring frames whose mappings lie side by side.
struct MappedRun {
    Pfn first{};
    std::uint64_t count = 0;
    mm::FrameState state{};
    std::vector<MappedAt> mappings;  // of the first frame
};
std::vector<MappedRun> mapped_runs(const Inspection& machine);

// By order, the first frame of each.
using FreeBlocks = std::array<std::vector<Pfn>, mm::BuddyAllocator::order_count>;
FreeBlocks free_blocks(const mm::FrameTable& frames);
// The longest stretch of free frames, whatever blocks they are in.
std::uint64_t longest_free_run(const mm::FrameTable& frames);

// Who names a slot: an entry of a page table, or a file that is only in memory.
struct SlotOwner {
    std::optional<MappedAt> entry;
    const mm::File* file = nullptr;
    std::uint64_t file_page = 0;
};
std::map<std::uint64_t, std::vector<SlotOwner>> slot_owners(const Inspection& machine);
// nullptr: there is no swap.
const mm::SwapDevice* swap_of(const Inspection& machine);

// Every virtual address that leads to a frame, found in all page tables.
struct FoundAt {
    const InspectedProcess* process = nullptr;
    VirtAddr page{};
    emu::Pte entry;
};
std::vector<FoundAt> all_mappings_of(const Inspection& machine, Pfn pfn);

// Why a walk that came to this last step has no frame that the processor may use; empty: it has one.
std::string end_of_walk(const mm::LevelStep& last);
// What comes of a fault, in a few words.
const char* fault_outcome(mm::FaultKind kind);
// nullptr: no mapping holds the address.
const mm::Vma* mapping_at(const mm::MmStruct& mm, VirtAddr address);

}  // namespace fl::kernel
