// FrameTable: one Frame (Linux: struct page) for each frame of RAM: what it is used for, who refers to it, who maps it.
//
// Invariants: a free frame has no references and no mappings; map_count <= reference_count for frames of user pages;
// every change of a Frame goes through a method of this class. An all-zero Frame is a free frame that was never used,
// so that a large table costs host memory only for what is used.
#pragma once

#include "emu/address.hpp"

#include <cstdint>
#include <memory>

namespace fl::mm {

class AnonVma;
class File;

enum class FrameState : std::uint8_t {
    free = 0,
    reserved,       // the kernel's own: frame 0, so that no frame number is 0; data that [vvar] shows; KernelMemory's
    page_table,     // a table of any level
    anonymous,      // a user page without a file
    file_cache,     // a page of a file, in its page cache
    shared_memory,  // a page of memory that processes share, in the page cache of a file without a name
    zero_page,      // the shared page of zeroes
    special,        // a page of the kernel's that programs map as they map a file's ([vdso])
};

// Where the mappings of a user page can be found from its frame (Linux: folio->mapping and folio->index).
class RmapAnchor {
public:
    RmapAnchor() = default;
    static RmapAnchor of(AnonVma& anon_vma, std::uint64_t index) { return {&anon_vma, index}; }
    static RmapAnchor of(File& file, std::uint64_t index) { return {&file, index}; }

    // Which of the two it is, the frame's state says: anonymous, or a page of a cache.
    AnonVma& anon_vma() const { return *static_cast<AnonVma*>(owner_); }
    File& file() const { return *static_cast<File*>(owner_); }
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
    bool ever_used = false;       // false: the bytes are still the zeroes that the machine was built with
    bool dirty = false;           // pages of a cache: newer than what the file's source holds
    bool anon_exclusive = false;  // anonymous pages: one PTE alone maps it and may be made writable (PageAnonExclusive)
    bool left_locked = false;     // user pages: locked by a mapping that MREMAP_DONTUNMAP unlocked (PG_mlocked)
    bool lazy_free = false;       // anonymous pages: may be dropped while clean (Linux: not PG_swapbacked)
    std::uint32_t reference_count = 0;
    std::uint32_t map_count = 0;  // PTEs that point here (not counted for the zero page and reserved frames)
    RmapAnchor anchor;            // user pages
    std::uint32_t list_prev = 0;  // free blocks: neighbours in the free list, frame numbers, 0 = none
    std::uint32_t list_next = 0;
};

class FrameTable {
public:
    explicit FrameTable(PageCount frames);

    PageCount page_count() const { return frames_; }
    const Frame& operator[](Pfn pfn) const { return at(pfn); }

    // Free to used, with one reference. Returns whether the frame may hold old bytes.
    bool mark_used(Pfn pfn, FrameState state);
    void set_anchor(Pfn pfn, RmapAnchor anchor) { at(pfn).anchor = anchor; }
    void set_dirty(Pfn pfn, bool dirty) { at(pfn).dirty = dirty; }
    void set_anon_exclusive(Pfn pfn, bool exclusive) { at(pfn).anon_exclusive = exclusive; }
    void set_left_locked(Pfn pfn) { at(pfn).left_locked = true; }

    void set_lazy_free(Pfn pfn, bool lazy_free) { at(pfn).lazy_free = lazy_free; }

    void add_reference(Pfn pfn);
    // Returns the references that remain; at 0 the frame is free in this table and belongs back to the allocator.
    std::uint32_t drop_reference(Pfn pfn);
    void add_mapping(Pfn pfn);
    void drop_mapping(Pfn pfn);

    // The buddy allocator's part: free-list membership of block heads.
    void link_free_head(Pfn pfn, unsigned order, std::uint32_t next);
    void unlink_free_head(Pfn pfn);

private:
    Frame& at(Pfn pfn) const {
        FL_ASSERT(pfn.value() < frames_.value());
        return table_[pfn.value()];
    }

    PageCount frames_;
    std::unique_ptr<Frame[], void (*)(void*)> table_;
};

}  // namespace fl::mm
