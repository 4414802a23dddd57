// FrameTable: one Frame (Linux: struct page) for each frame of RAM: what it is used for, who refers to it, who maps it.
//
// Invariants: a free frame has no references and no mappings; map_count <= reference_count for frames of user pages;
// every change of a Frame goes through a method of this class. An all-zero Frame is a free frame that was never used,
// so that a large table costs host memory only for what is used.
#pragma once

#include "emu/pte.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace fl::mm {

class AnonVma;
class File;
class Slab;

enum class FrameState : std::uint8_t {
    free = 0,
    reserved,       // the kernel's own: frame 0, so that no frame number is 0; data that [vvar] shows; KernelMemory's
    page_table,     // a table of any level
    anonymous,      // a user page without a file
    file_cache,     // a page of a file, in its page cache
    shared_memory,  // a page of memory that processes share, in the page cache of a file without a name
    zero_page,      // the shared page of zeroes
    special,        // a page of the kernel's that programs map as they map a file's ([vdso])
    kernel_table,   // a table of the kernel half: KernelSpace's
    memory_map,     // holds a part of the frame table itself
    vmalloc,        // a page of a vmalloc area
    slab,           // of a slab, or of a block of kmalloc()'s
    kernel_stack,   // of a thread
};

// Where the mappings of a user page can be found from its frame (Linux: folio->mapping and folio->index); of a frame of
// a slab, the slab.
class RmapAnchor {
public:
    RmapAnchor() = default;
    static RmapAnchor of(AnonVma& anon_vma, std::uint64_t index) { return {&anon_vma, index}; }
    static RmapAnchor of(File& file, std::uint64_t index) { return {&file, index}; }
    static RmapAnchor of(Slab& slab) { return {&slab, 0}; }

    // Which of them it is, the frame's state says: anonymous, a page of a cache, or of a slab.
    AnonVma& anon_vma() const { return *static_cast<AnonVma*>(owner_); }
    File& file() const { return *static_cast<File*>(owner_); }
    Slab* slab() const { return static_cast<Slab*>(owner_); }
    const void* owner() const { return owner_; }
    // The page's index in that family, or in the file.
    std::uint64_t index() const { return index_; }

private:
    RmapAnchor(void* owner, std::uint64_t index) : owner_(owner), index_(index) {}

    void* owner_ = nullptr;
    std::uint64_t index_ = 0;
};

struct Frame {
    FrameState state = FrameState::free;
    std::uint8_t order = 0;  // of the free block that this frame heads
    bool heads_free_block = false;
    bool dirty = false;           // newer than what the file's source, or the page's swap slot, holds
    bool anon_exclusive = false;  // anonymous pages: one PTE alone maps it and may be made writable (PageAnonExclusive)
    bool left_locked = false;     // user pages: locked by a mapping that MREMAP_DONTUNMAP unlocked (PG_mlocked)
    bool lazy_free = false;       // anonymous pages: may be dropped while clean (Linux: not PG_swapbacked)
    bool referenced = false;      // pages of a cache: read(2) or write(2) touched it (PG_referenced)
    std::uint32_t reference_count = 0;
    // Entries that map it, large ones included (not counted for the zero page and reserved frames).
    std::uint32_t map_count = 0;
    // Of these the large ones, where this is the first frame of their block (Linux: entire_mapcount).
    std::uint32_t entire_map_count = 0;
    RmapAnchor anchor;  // user pages, and those of slabs
    // The one entry that maps it; nullptr: there is none, or there were several at some time.
    emu::Pte* only_entry = nullptr;
    std::uint32_t page = 0;       // user pages: one more than the number that the Reclaimer knows it by; 0: it has none
    std::uint32_t slot = 0;       // one more than the swap slot that it is tied to; 0: none
    std::uint32_t list_prev = 0;  // free blocks: neighbours in the free list, frame numbers, 0 = none
    std::uint32_t list_next = 0;

    // Of a frame of a slab; nullptr while the slab is being made.
    Slab* slab() const { return anchor.slab(); }
    std::optional<emu::SwapSlot> swap_slot() const {
        return slot == 0 ? std::nullopt : std::optional(emu::SwapSlot(slot - 1));
    }
};
static_assert(sizeof(Frame) <= 64, "one line of the host's cache");

class FrameTable {
public:
    // In the host's memory, or in `storage`: zeroed, with room for all of them, and outliving the table.
    explicit FrameTable(PageCount frames, std::byte* storage = nullptr);

    PageCount page_count() const { return frames_; }
    const Frame& operator[](Pfn pfn) const { return at(pfn); }
    // Some address space maps it as a part of a large page.
    bool is_in_large_page(Pfn pfn) const {
        return at(Pfn(pfn.value() & ~(emu::large_page_frames - 1))).entire_map_count > 0;
    }

    // Free to used, with one reference.
    void mark_used(Pfn pfn, FrameState state);
    void set_anchor(Pfn pfn, RmapAnchor anchor) { at(pfn).anchor = anchor; }
    void set_slab(Pfn pfn, Slab& slab) { at(pfn).anchor = RmapAnchor::of(slab); }
    void set_dirty(Pfn pfn, bool dirty) { at(pfn).dirty = dirty; }
    void set_anon_exclusive(Pfn pfn, bool exclusive) { at(pfn).anon_exclusive = exclusive; }
    void set_left_locked(Pfn pfn) { at(pfn).left_locked = true; }

    void set_lazy_free(Pfn pfn, bool lazy_free) { at(pfn).lazy_free = lazy_free; }
    void set_referenced(Pfn pfn, bool referenced) { at(pfn).referenced = referenced; }
    void set_page(Pfn pfn, std::uint32_t page) { at(pfn).page = page + 1; }
    void clear_page(Pfn pfn) { at(pfn).page = 0; }
    void set_slot(Pfn pfn, emu::SwapSlot slot) { at(pfn).slot = static_cast<std::uint32_t>(slot.value() + 1); }
    void clear_slot(Pfn pfn) { at(pfn).slot = 0; }

    void add_reference(Pfn pfn);
    // Returns the references that remain; at 0 the frame is free in this table and belongs back to the allocator.
    std::uint32_t drop_reference(Pfn pfn);
    // `entry` maps it from now on.
    void add_mapping(Pfn pfn, emu::Pte* entry);
    void drop_mapping(Pfn pfn);
    // The same of a large entry, for all frames of its block.
    void add_large_mapping(Pfn first, emu::Pte* entry);
    void drop_large_mapping(Pfn first);
    // 512 entries side by side map the block instead of a large one.
    void split_large_mapping(Pfn first, const emu::Pte* large, emu::Pte* entries);
    // Whether a large entry maps the frame.
    bool is_mapped_large(Pfn pfn) const {
        return at(Pfn(pfn.value() & ~(emu::large_page_frames - 1))).entire_map_count != 0;
    }
    // Blocks that large entries map, however many do (NR_ANON_THPS).
    std::uint64_t large_page_count() const { return large_pages_; }
    // The entry lies elsewhere now.
    void move_mapping(Pfn pfn, const emu::Pte* from, emu::Pte* to) {
        if (at(pfn).only_entry == from) at(pfn).only_entry = to;
    }

    // All that is known of the frame is known of `to` instead, which was free; `from` is free afterwards.
    void move(Pfn from, Pfn to);

    // The buddy allocator's part: free-list membership of block heads.
    void link_free_head(Pfn pfn, unsigned order, std::uint32_t next);
    void unlink_free_head(Pfn pfn);

private:
    Frame& at(Pfn pfn) const {
        FL_ASSERT(pfn.value() < frames_.value());
        return table_[pfn.value()];
    }

    PageCount frames_;
    std::uint64_t large_pages_ = 0;
    std::unique_ptr<Frame[], void (*)(void*)> table_;
};

// What the buddy allocator does for each block and frame.

inline void FrameTable::mark_used(Pfn pfn, FrameState state) {
    Frame& frame = at(pfn);
    FL_ASSERT(frame.state == FrameState::free && state != FrameState::free);
    FL_ASSERT(frame.reference_count == 0 && frame.map_count == 0 && !frame.heads_free_block);
    FL_ASSERT(frame.entire_map_count == 0);
    frame.state = state;
    frame.reference_count = 1;
    frame.anchor = RmapAnchor{};
    frame.dirty = frame.anon_exclusive = frame.left_locked = frame.lazy_free = frame.referenced = false;
    frame.only_entry = nullptr;
    frame.page = frame.slot = 0;
}

inline std::uint32_t FrameTable::drop_reference(Pfn pfn) {
    Frame& frame = at(pfn);
    FL_ASSERT(frame.state != FrameState::free && frame.reference_count > 0);
    --frame.reference_count;
    if (frame.reference_count == 0) {
        FL_ASSERT(frame.map_count == 0);
        frame.state = FrameState::free;
    }
    return frame.reference_count;
}

inline void FrameTable::link_free_head(Pfn pfn, unsigned order, std::uint32_t next) {
    Frame& frame = at(pfn);
    FL_ASSERT(frame.state == FrameState::free && !frame.heads_free_block);
    frame.heads_free_block = true;
    frame.order = static_cast<std::uint8_t>(order);
    frame.list_prev = 0;
    frame.list_next = next;
    if (next != 0) at(Pfn(next)).list_prev = static_cast<std::uint32_t>(pfn.value());
}

inline void FrameTable::unlink_free_head(Pfn pfn) {
    Frame& frame = at(pfn);
    FL_ASSERT(frame.state == FrameState::free && frame.heads_free_block);
    if (frame.list_prev != 0) at(Pfn(frame.list_prev)).list_next = frame.list_next;
    if (frame.list_next != 0) at(Pfn(frame.list_next)).list_prev = frame.list_prev;
    frame.heads_free_block = false;
    frame.list_prev = 0;
    frame.list_next = 0;
}

}  // namespace fl::mm
