// PhysicalMemory: the machine's frames and who may have them: the frame table, the buddy allocator, the zero page.
//
// Invariants: frame 0 is reserved; the zero page is never freed and its mappings are not counted; used plus free
// frames are all of RAM; what was taken at boot, at the top of RAM, is never free.
#pragma once

#include "emu/ram.hpp"
#include "mm/buddy_allocator.hpp"
#include "mm/compaction.hpp"
#include "mm/huge_pages.hpp"
#include "mm/kernel_memory.hpp"

namespace fl::mm {

enum class Fill : std::uint8_t {
    zeroed,  // the frame reads as zeroes
    caller,  // the caller writes every byte of it
};

// Which page a frame is for.
struct PageOrigin {
    static constexpr std::uint32_t new_page = 0xffff'ffff;
    std::uint32_t known = new_page;  // the Reclaimer's number, where the page was in memory before
    // False: the page never leaves, and does not count against the limit of user pages (FileKind::memory).
    bool is_pageable = true;
};

class KernelSpace;
class Reclaimer;
class SlabAllocator;

// What the kernel takes before there is an allocator (Linux: memblock), at the top of RAM: KernelSpace::boot_memory().
struct BootMemory {
    PageCount memory_map;  // the topmost frames, which hold the frame table; 0: it lies in the host's memory
    PageCount tables;      // below these, for the kernel half's page tables
    PageCount total() const { return memory_map + tables; }
};

// Frees memory that can be had back without loss, when none is left.
class MemoryShrinker {
public:
    // Returns how many frames were freed.
    virtual PageCount shrink() = 0;

protected:
    ~MemoryShrinker() = default;
};

class PhysicalMemory {
public:
    // `ram` has at least min_page_count frames beside those taken at boot, and is all zeroes.
    static constexpr PageCount min_page_count{8};
    explicit PhysicalMemory(emu::Ram& ram, BootMemory boot = {});
    PhysicalMemory(const PhysicalMemory&) = delete;
    PhysicalMemory& operator=(const PhysicalMemory&) = delete;

    // One frame with one reference. ENOMEM once even the reclaimer, or without one the shrinker, finds nothing.
    Result<Pfn> allocate(FrameState state, Fill fill, PageOrigin origin = {});
    // 2^order frames side by side for the kernel, the first a multiple of 2^order, each with a reference of its own
    // (alloc_pages() and split_page()); ENOMEM where no free block is that large, and none can be made.
    Result<Pfn> allocate_block(unsigned order, FrameState state, Fill fill, BlockEffort effort = BlockEffort::compact);
    // Drops the last reference of each of them.
    void release_block(Pfn first, unsigned order);
    // The frames of a large page of anonymous memory, zeroed, each with one reference; to the reclaimer they are one
    // page. ENOMEM where no block is free: nobody's page is taken for it.
    Result<Pfn> allocate_large_page();
    // Drops one reference of each of them.
    void release_large_page(Pfn first);
    // Whether a user page finds a frame without taking anybody's.
    bool has_room() const;
    void add_reference(Pfn pfn) { frames_.add_reference(pfn); }
    // Drops one reference; the last one frees the frame.
    void release(Pfn pfn);

    emu::Ram& ram() { return ram_; }
    const emu::Ram& ram() const { return ram_; }
    FrameTable& frames() { return frames_; }
    const FrameTable& frames() const { return frames_; }
    BuddyAllocator& buddy() { return buddy_; }
    const BuddyAllocator& buddy() const { return buddy_; }
    Pfn zero_page() const { return zero_page_; }
    // Whether a PTE that points to the frame holds a reference on it and counts as a mapping and in RSS: not for the
    // zero page, nor for what the kernel only shows (VM_PFNMAP).
    bool counts_mappings(Pfn pfn) const {
        const FrameState state = frames_[pfn].state;
        return state != FrameState::zero_page && state != FrameState::reserved;
    }
    BootMemory boot() const { return boot_; }
    // The kernel half of every address space; nullptr: address spaces have none.
    void set_kernel_space(KernelSpace* space) { kernel_space_ = space; }
    KernelSpace* kernel_space() const { return kernel_space_; }
    HugePages& huge_pages() { return huge_pages_; }
    const HugePages& huge_pages() const { return huge_pages_; }
    Compaction& compaction() { return compaction_; }
    const Compaction& compaction() const { return compaction_; }
    KernelMemory& kernel_memory() { return kernel_memory_; }
    // Where the kernel's own objects lie; nullptr: they take nothing of this memory.
    SlabAllocator* slab() const { return slab_; }
    void set_slab(SlabAllocator* slab) { slab_ = slab; }
    void set_shrinker(MemoryShrinker* shrinker) { shrinker_ = shrinker; }
    // Who decides which pages leave; nullptr: none do, but for what the shrinker finds.
    void set_reclaimer(Reclaimer* reclaimer) { reclaimer_ = reclaimer; }
    Reclaimer* reclaimer() const { return reclaimer_; }

    // Entries lost bits that the TLB may still grant, wherever they lie.
    void note_tlb_stale() { tlb_stale_ = true; }
    // Whether the processor may go on by what `pte` says. Nothing else has to be flushed for.
    bool tlb_may_hold(emu::Pte pte) const {
        if (!pte.is_present() || !pte.accessed()) return false;
        const emu::CachedTranslations& cached = ram_.cached_translations();
        return pte.is_large() ? cached.may_hold_any(pte.pfn(), emu::large_page_frames) : cached.may_hold(pte.pfn());
    }
    bool take_tlb_stale() { return std::exchange(tlb_stale_, false); }
    // Pages that mlock keeps, of all address spaces (locked_vm).
    void note_locked(PageCount before, PageCount after) { locked_ = locked_ + after - before; }
    PageCount locked_page_count() const { return locked_; }

    PageCount total_page_count() const { return frames_.page_count(); }
    PageCount used_page_count() const { return total_page_count() - buddy_.free_page_count(); }
    PageCount peak_used_page_count() const { return total_page_count() - least_free_; }

private:
    void take(Pfn pfn, FrameState state, Fill fill);
    void clear(Pfn pfn);

    emu::Ram& ram_;
    FrameTable frames_;
    BuddyAllocator buddy_;
    PageCount least_free_;
    Pfn zero_page_{};
    MemoryShrinker* shrinker_ = nullptr;
    Reclaimer* reclaimer_ = nullptr;
    SlabAllocator* slab_ = nullptr;
    bool tlb_stale_ = false;
    PageCount locked_;
    KernelMemory kernel_memory_{*this};
    BootMemory boot_;
    KernelSpace* kernel_space_ = nullptr;
    HugePages huge_pages_;
    Compaction compaction_{*this};
};

}  // namespace fl::mm
