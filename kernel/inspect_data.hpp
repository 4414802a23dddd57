// What the views of inspect.hpp show, as data: `faultline inspect --json` tells of the same runs.
#pragma once

#include "kernel/inspect_text.hpp"
#include "mm/page_walk_text.hpp"
#include "mm/swap_device.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fl::mm {
class KernelSpace;
class KmemCache;
class Slab;
struct VmallocArea;
}  // namespace fl::mm

namespace fl::kernel {

// Entries of page tables, in pages.
struct Residency {
    std::uint64_t in_memory = 0;  // counted as RSS counts: not the zero page
    std::uint64_t zero_page = 0;
    std::uint64_t in_swap = 0;
};
Residency residency(const mm::MmStruct& mm, VirtRange range);

// Which table of which process; 0: of the kernel half.
struct TableUse {
    std::uint32_t pid = 0;
    VirtRange range{};  // what it covers
    // It serves nothing yet: it is there for the day when a large page is split.
    bool is_kept() const { return range.empty(); }
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
    std::optional<MappedAt> mapped;            // of private pages: where, one page after the other
    std::optional<TableUse> table;             // of a page table
    const mm::VmallocArea* vmalloc = nullptr;  // of which they are pages
    const mm::KmemCache* cache = nullptr;      // of a slab; nullptr: of a block of kmalloc()'s

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

// By order and by place, the first frame of each.
using FreeBlocks = std::array<std::vector<Pfn>, mm::BuddyAllocator::order_count>;
FreeBlocks free_blocks(const mm::BuddyAllocator& buddy);
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
    emu::Pte entry;  // of a large page what it says of these 4 KiB
    bool is_large = false;
};
std::vector<FoundAt> all_mappings_of(const Inspection& machine, Pfn pfn);
// The same of the kernel half.
struct KernelAddress {
    VirtAddr address{};
    std::string what;  // "direct map", "vmalloc, caller", ...
};
std::vector<KernelAddress> kernel_addresses_of(const mm::PhysicalMemory& memory, PhysAddr address);
// nullopt: the frame is no table, or nobody's.
std::optional<TableUse> table_use(const Inspection& machine, Pfn pfn);

// What of a slab a physical address is.
struct SlabPlace {
    const mm::Slab& slab;
    std::optional<VirtAddr> object;  // nullopt: behind the last, or the slab is a block of kmalloc()'s
    bool in_use = false;
};
// nullopt: the frame is no slab's, or that of one that is being made.
std::optional<SlabPlace> slab_place(const mm::PhysicalMemory& memory, PhysAddr address);
// The one that serves now, or one that waits; nullptr: the cache has none.
const mm::Slab* first_slab(const mm::KmemCache& cache);

// A stretch of the kernel half of one kind, and what it is mapped with.
struct KernelStretch {
    const char* name;  // "direct map", "vmalloc areas", "memory map"
    const char* what;  // of it, in a few words, or ""
    VirtRange range{};
    std::uint64_t used_bytes = 0;  // of vmalloc areas: of all of them
    std::uint64_t small_pages = 0, large_pages = 0;
    emu::Pte small_entry{}, large_entry{};  // one of each, where there are any
};
std::vector<KernelStretch> kernel_stretches(const mm::KernelSpace& kernel);

// Why a walk that came to this last step has no frame that the processor may use; empty: it has one.
std::string end_of_walk(const mm::LevelStep& last);
// What comes of a fault, in a few words.
const char* fault_outcome(mm::FaultKind kind);
// nullptr: no mapping holds the address.
const mm::Vma* mapping_at(const mm::MmStruct& mm, VirtAddr address);
// What of the kernel half holds the address; nullopt: nothing.
struct KernelMapping {
    VirtRange range{};
    std::string what;
};
std::optional<KernelMapping> kernel_mapping_at(const mm::PhysicalMemory& memory, VirtAddr address);

}  // namespace fl::kernel
