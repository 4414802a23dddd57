// BuddyAllocator: binary buddies of orders 0..10 over the frame table (Knuth, TAOCP vol. 1, 2.5; Linux
// mm/page_alloc.c).
//
// Invariants: a block of order k starts at a multiple of 2^k; two free buddies of one order below the largest do not
// exist side by side; the sum over the free lists is free_page_count(). Freeing a frame that is free is a bug.
#pragma once

#include "mm/errno.hpp"
#include "mm/frame_table.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace fl::mm {

class BuddyAllocator {
public:
    static constexpr unsigned max_order = 10;
    static constexpr unsigned order_count = max_order + 1;

    // Manages the frames [first, end); all of them are free in `frames`.
    BuddyAllocator(FrameTable& frames, Pfn first, Pfn end);

    // The first frame of a free block of 2^order frames; ENOMEM. The caller marks the frames as used.
    Result<Pfn> allocate(unsigned order) {
        const Pfn first = allocate_or_none(order);
        if (first == none) return fail(Errno::enomem);
        return first;
    }
    // The same; `none` where there is no such block.
    static constexpr Pfn none{0};
    Pfn allocate_or_none(unsigned order);
    // The frames of the block are free in the frame table already.
    void free(Pfn pfn, unsigned order);

    // The free block that holds `pfn`; nullopt: the frame is in use.
    struct Block {
        Pfn first;
        unsigned order;
    };
    std::optional<Block> free_block_of(Pfn pfn) const;
    // Takes this one frame out of the free block that holds it (mm/page_isolation.c, take_page_off_buddy).
    void take(Pfn pfn);

    PageCount managed_page_count() const { return PageCount(end_ - first_); }
    PageCount free_page_count() const { return free_pages_; }
    // Whether a block of 2^order frames is free, or a larger one.
    bool has_block(unsigned order) const {
        while (order <= max_order && heads_[order] == 0) ++order;
        return order <= max_order;
    }
    // Free blocks of each order: a line of /proc/buddyinfo.
    std::array<std::uint64_t, order_count> free_blocks() const;
    // The first frame of each free block of one order, as its list has them: the one that is handed out next comes
    // first.
    std::vector<Pfn> free_list(unsigned order) const;

    // Recomputes everything from the free lists; empty when all is well.
    std::optional<std::string> inconsistency() const;

    // For tests: `successes` allocations from now on succeed, then all fail; nullopt switches it off.
    void fail_after(std::optional<std::uint64_t> successes) { successes_left_ = successes; }

private:
    void push(Pfn pfn, unsigned order);
    void pull(Pfn pfn, unsigned order);
    bool is_free_block(Pfn pfn, unsigned order) const;

    FrameTable& frames_;
    Pfn first_;
    Pfn end_;
    std::array<std::uint32_t, order_count> heads_{};  // frame numbers; 0 = empty list
    std::array<std::uint64_t, order_count> block_counts_{};
    PageCount free_pages_;
    std::optional<std::uint64_t> successes_left_;
};

}  // namespace fl::mm
