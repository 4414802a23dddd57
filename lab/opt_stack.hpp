// OptStack: how many frames OPT needs for a use of a page to find it in memory, use by use, without looking ahead.
//
// That is possible as OPT's faults up to now do not depend on what follows. For each number of frames C a moment of the
// past is critical: a page can have been kept since any later moment, as there was room for it, and since no earlier
// one. This is the critical stack algorithm of G. Bilardi, K. Ekanadham, P. Pattnaik, Optimal on-line computation of
// stack distances for MIN and OPT, Computing Frontiers 2017, in O(log pages) for each use.
//
// The past is a sequence of slots, one for each use, the latest last. A slot may hold a page, where this use is the
// page's latest, and the mark of one C, from 2 to the number of pages. A use of a page whose slot is P does this:
//   1. Walk over the pages that were used after P, from the latest on, and count marks less pages, those of the page's
//      own slot not included. It is never below 0. The last page where it is 0 is balanced: all marks at that slot or
//      before it are of numbers of frames that may have room since P.
//   2. The lowest of these is the number of frames that is needed.
//   3. The page and that mark leave their slots for a new one.
// A new page brings the next higher mark with it. A page that ends is one that is never used again.
//
// The latest slots are few and lie in words of bits. Older ones lie in blocks, under a tree that keeps for each range
// of blocks what the steps 1 and 2 ask for.
#pragma once

#include "lab/reference_string.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace fl::lab {

class OptStack {
public:
    // Every page is below `page_limit`.
    explicit OptStack(std::size_t page_limit) : place_(page_limit, nowhere) {}

    // The fewest frames with which the page is in memory, from 1; 0: it is new.
    std::size_t use(PageId page);
    // The page exists no more.
    void remove(PageId page);

private:
    using Slot = std::uint32_t;
    using Mark = std::uint32_t;  // less 1: the mark of C frames is C - 1; 0: none

    static constexpr Slot nowhere = 0xffff'ffff;
    static constexpr Slot recent_bit = 0x8000'0000;
    static constexpr PageId nobody = replacement::no_page;  // of a page that ended
    static constexpr Mark no_mark = 0xffff'ffff;

    // Slots in a row, in bits: bit 0 is the oldest.
    template <std::size_t Size>
    struct Slots {
        std::uint64_t pages = 0, marks = 0;
        std::array<PageId, Size> page{};
        std::array<Mark, Size> mark{};

        std::uint64_t used() const { return pages | marks; }
        // The lowest mark at the slots of `bits`.
        Mark lowest_mark(std::uint64_t bits) const;
        // Marks less pages at the slots of `bits`.
        std::int32_t balance(std::uint64_t bits) const;
        // The oldest balanced page of those at `bits`, which are the latest slots, or all; `later` is the balance of
        // what comes after them.
        std::optional<std::size_t> oldest_balanced(std::uint64_t bits, std::int32_t later) const;
    };

    // The older slots.
    class Past {
    public:
        static constexpr std::size_t block_size = 32;
        using Block = Slots<block_size>;

        bool is_full() const { return block_count_ == blocks_.size(); }
        std::int32_t balance() const { return tree_.empty() ? 0 : tree_[1].balance; }
        Mark lowest_mark() const { return tree_.empty() ? no_mark : tree_[1].lowest_mark; }
        // Of the pages later than `slot` the oldest that is balanced.
        std::optional<Slot> oldest_balanced_after(Slot slot, std::int32_t later) const;
        // At `slot` or before it.
        Mark lowest_mark_until(Slot slot) const;
        // A new latest block; not while is_full(). Its first slot.
        Slot push(const Block& block);
        void erase_page(Slot slot);
        void erase_mark(Slot slot);
        void forget_page(Slot slot) { block_of(slot).page[slot % block_size] = nobody; }
        // Renumbers the slots, without those that hold nothing; the places of pages and marks are set anew.
        void renumber(std::vector<Slot>& place, std::vector<Slot>& mark_place);

    private:
        // Of the slots of a range of blocks.
        struct Summary {
            std::int32_t balance = 0;
            std::int32_t least_balance = unbalanced;  // of its pages, of the later slots of the range alone
            Mark lowest_mark = no_mark;
        };
        static constexpr std::int32_t unbalanced = 0x3fff'ffff;

        Block& block_of(Slot slot) { return blocks_[slot / block_size]; }
        static Summary summary_of(const Block& block);
        static Summary joined(const Summary& older, const Summary& later);
        void update(std::size_t block);
        std::optional<std::size_t> oldest_balanced_block_after(std::size_t block, std::int32_t later) const;
        std::int32_t balance_after(std::size_t block) const;

        std::vector<Block> blocks_;  // a power of two, or none
        std::vector<Summary> tree_;  // 1: of all; 2 i and 2 i + 1: of the halves of i; the last half: of each block
        std::size_t block_count_ = 0;
    };

    static constexpr std::size_t recent_size = 64;
    static constexpr std::size_t recent_kept = 40;  // more are not kept where room is made

    void add(PageId page, Mark mark);
    Mark needed_mark(Slot slot) const;
    void erase_page(Slot slot);
    void erase_mark(Slot slot);
    void make_room();

    Slots<recent_size> recent_;
    std::size_t recent_count_ = 0;  // slots that were given out
    Past past_;
    std::vector<Slot> place_;                // by page: its slot, with recent_bit where it is a recent one
    std::vector<Slot> mark_place_{nowhere};  // by mark
};

}  // namespace fl::lab
