// LruStack: pages by how recently they were used, and how deep in this order each use finds its page: with that many
// frames, or more, LRU has it in memory. (R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger, Evaluation techniques
// for storage hierarchies, IBM Systems Journal 9(2), 1970.)
//
// A page that ends frees a frame wherever it was in memory: it leaves a hole at its depth. With as many frames as that,
// or more, the next page that comes in takes the free frame, and nobody has to leave. So what is above a used page, or
// a new one, moves down only as far as the topmost hole, which is filled; a page from below it leaves a hole where it
// was. The pages of the first N places are those that LRU has in N frames, always.
//
// Most uses find their page near the top, where moving it there is a walk over a short array. The places below are kept
// in the order in which their pages came there, as bits with a Fenwick tree over the words of bits: O(log pages).
#pragma once

#include "lab/reference_string.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <queue>
#include <vector>

namespace fl::lab {

class LruStack {
public:
    // Every page is below `page_limit`.
    explicit LruStack(std::size_t page_limit) : place_(page_limit, nowhere) {}

    // The page is used and is on top from now on. Its depth until now, from 1; 0: it was not there.
    std::size_t use(PageId page);
    // The page exists no more.
    void remove(PageId page);

private:
    // Places below the top, as slots in the order of time: the highest is the uppermost.
    class Below {
    public:
        std::size_t size() const { return size_; }
        bool is_full() const { return next_ == pages_.size(); }
        // Places at the slot and above.
        std::size_t rank(std::uint32_t slot) const;
        // A new uppermost place. Not while is_full().
        std::uint32_t push(PageId page);
        void erase(std::uint32_t slot);
        // The page leaves, the place stays.
        void make_hole(std::uint32_t slot);
        bool has_hole() const { return !holes_.empty(); }
        std::uint32_t topmost_hole() const { return holes_.top(); }
        void erase_topmost_hole();
        // Renumbers the places, so that there are free slots; `place` of each page is set anew.
        void renumber(std::vector<std::uint32_t>& place);

    private:
        static constexpr std::size_t word_bits = 64;

        void add(std::size_t word, std::uint32_t count);
        std::size_t count_before(std::uint32_t slot) const;

        std::vector<std::uint64_t> used_;    // bit by bit: the slot is a place
        std::vector<std::uint32_t> counts_;  // Fenwick tree: places by words of used_; modulo 2^32
        std::vector<PageId> pages_;          // by slot; no_page: a hole
        std::priority_queue<std::uint32_t> holes_;
        std::uint32_t next_ = 0;
        std::size_t size_ = 0;
    };

    static constexpr std::size_t top_size = 16;
    static constexpr std::uint32_t nowhere = 0xffff'ffff;
    static constexpr std::uint32_t at_top = 0xffff'fffe;
    static constexpr PageId hole = replacement::no_page;

    std::size_t find_at_top(PageId page) const;
    std::size_t use_at_top(PageId page);
    std::size_t use_past_holes(PageId page);
    std::size_t use_from_below(PageId page);
    void push_below(PageId page);

    std::array<PageId, top_size> top_{};  // the uppermost first
    std::size_t top_count_ = 0;           // as many as there can be, where there are places below
    std::size_t top_holes_ = 0;
    Below below_;
    std::vector<std::uint32_t> place_;  // by page: nowhere, at_top, or the slot below
};

}  // namespace fl::lab
