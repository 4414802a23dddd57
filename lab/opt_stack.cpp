#include "lab/opt_stack.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace fl::lab {

namespace {

std::uint64_t bit(std::size_t index) { return std::uint64_t{1} << index; }
// The bits of later slots than `index`, and of all others.
std::uint64_t after(std::size_t index) { return ~((std::uint64_t{2} << index) - 1); }
std::uint64_t until(std::size_t index) { return ~after(index); }
std::size_t first(std::uint64_t bits) { return static_cast<std::size_t>(std::countr_zero(bits)); }

}  // namespace

// --- slots in a row --------------------------------------------------------------------------------------------------

template <std::size_t Size>
OptStack::Mark OptStack::Slots<Size>::lowest_mark(std::uint64_t bits) const {
    Mark lowest = no_mark;
    for (std::uint64_t left = marks & bits; left != 0; left &= left - 1) lowest = std::min(lowest, mark[first(left)]);
    return lowest;
}

template <std::size_t Size>
std::int32_t OptStack::Slots<Size>::balance(std::uint64_t bits) const {
    return std::popcount(marks & bits) - std::popcount(pages & bits);
}

template <std::size_t Size>
std::optional<std::size_t> OptStack::Slots<Size>::oldest_balanced(std::uint64_t bits, std::int32_t later) const {
    std::int32_t later_pages = std::popcount(pages & bits);
    for (std::uint64_t left = pages & bits; left != 0; left &= left - 1) {
        --later_pages;
        if (later + std::popcount(marks & after(first(left))) == later_pages) return first(left);
    }
    return std::nullopt;
}

// --- the older slots -------------------------------------------------------------------------------------------------

OptStack::Past::Summary OptStack::Past::summary_of(const Block& block) {
    Summary summary;
    summary.lowest_mark = block.lowest_mark(~std::uint64_t{0});
    for (std::uint64_t left = block.used(); left != 0;) {
        const auto latest = static_cast<std::size_t>(std::bit_width(left) - 1);
        if ((block.pages & bit(latest)) != 0) {
            summary.least_balance = std::min(summary.least_balance, summary.balance);
            --summary.balance;
        }
        if ((block.marks & bit(latest)) != 0) ++summary.balance;
        left &= ~bit(latest);
    }
    return summary;
}

OptStack::Past::Summary OptStack::Past::joined(const Summary& older, const Summary& later) {
    return {older.balance + later.balance, std::min(later.least_balance, later.balance + older.least_balance),
            std::min(older.lowest_mark, later.lowest_mark)};
}

void OptStack::Past::update(std::size_t block) {
    std::size_t node = blocks_.size() + block;
    tree_[node] = summary_of(blocks_[block]);
    for (node /= 2; node > 0; node /= 2) tree_[node] = joined(tree_[2 * node], tree_[2 * node + 1]);
}

std::int32_t OptStack::Past::balance_after(std::size_t block) const {
    std::int32_t balance = 0;
    for (std::size_t node = blocks_.size() + block; node > 1; node /= 2) {
        if (node % 2 == 0) balance += tree_[node + 1].balance;
    }
    return balance;
}

std::optional<std::size_t> OptStack::Past::oldest_balanced_block_after(std::size_t block, std::int32_t later) const {
    // The ranges to the right of the way up, the oldest first, and what comes after each.
    std::int32_t rest = balance_after(block) + later;
    std::size_t node = blocks_.size() + block;
    for (; node > 1; node /= 2) {
        if (node % 2 != 0) continue;
        rest -= tree_[node + 1].balance;
        if (tree_[node + 1].least_balance + rest == 0) break;
    }
    if (node <= 1) return std::nullopt;
    ++node;
    while (node < blocks_.size()) {
        const Summary& newer_half = tree_[2 * node + 1];
        if (tree_[2 * node].least_balance + newer_half.balance + rest == 0) {
            rest += newer_half.balance;
            node = 2 * node;
        } else {
            node = 2 * node + 1;
        }
    }
    return node - blocks_.size();
}

std::optional<OptStack::Slot> OptStack::Past::oldest_balanced_after(Slot slot, std::int32_t later) const {
    std::size_t index = slot / block_size;
    auto found = blocks_[index].oldest_balanced(after(slot % block_size), balance_after(index) + later);
    if (!found) {
        const auto block = oldest_balanced_block_after(index, later);
        if (!block) return std::nullopt;
        index = *block;
        found = blocks_[index].oldest_balanced(~std::uint64_t{0}, balance_after(index) + later);
    }
    return static_cast<Slot>(index * block_size + *found);
}

OptStack::Mark OptStack::Past::lowest_mark_until(Slot slot) const {
    const std::size_t block = slot / block_size;
    Mark lowest = blocks_[block].lowest_mark(until(slot % block_size));
    for (std::size_t node = blocks_.size() + block; node > 1; node /= 2) {
        if (node % 2 != 0) lowest = std::min(lowest, tree_[node - 1].lowest_mark);
    }
    return lowest;
}

OptStack::Slot OptStack::Past::push(const Block& block) {
    blocks_[block_count_] = block;
    update(block_count_);
    return static_cast<Slot>(block_count_++ * block_size);
}

void OptStack::Past::erase_page(Slot slot) {
    block_of(slot).pages &= ~bit(slot % block_size);
    update(slot / block_size);
}

void OptStack::Past::erase_mark(Slot slot) {
    block_of(slot).marks &= ~bit(slot % block_size);
    update(slot / block_size);
}

void OptStack::Past::renumber(std::vector<Slot>& place, std::vector<Slot>& mark_place) {
    constexpr std::size_t least_blocks = 16;
    std::vector<Block> packed;
    Block block;
    std::size_t count = 0;
    for (const Block& old : blocks_) {
        for (std::uint64_t left = old.used(); left != 0; left &= left - 1) {
            const std::size_t index = first(left);
            const auto slot = static_cast<Slot>(packed.size() * block_size + count);
            if ((old.pages & bit(index)) != 0) {
                block.pages |= bit(count);
                block.page[count] = old.page[index];
                if (old.page[index] != nobody) place[old.page[index]] = slot;
            }
            if ((old.marks & bit(index)) != 0) {
                block.marks |= bit(count);
                block.mark[count] = old.mark[index];
                mark_place[old.mark[index]] = slot;
            }
            if (++count < block_size) continue;
            packed.push_back(std::exchange(block, Block{}));
            count = 0;
        }
    }
    if (count > 0) packed.push_back(block);
    block_count_ = packed.size();
    blocks_ = std::move(packed);
    blocks_.resize(std::bit_ceil(std::max(least_blocks, 2 * block_count_)));
    tree_.assign(2 * blocks_.size(), Summary{});
    for (std::size_t i = 0; i < block_count_; ++i) tree_[blocks_.size() + i] = summary_of(blocks_[i]);
    for (std::size_t node = blocks_.size() - 1; node > 0; --node)
        tree_[node] = joined(tree_[2 * node], tree_[2 * node + 1]);
}

// --- the stack -------------------------------------------------------------------------------------------------------

std::size_t OptStack::use(PageId page) {
    const Slot slot = place_[page];
    if (slot == nowhere) {
        const auto mark = static_cast<Mark>(mark_place_.size() - 1);
        mark_place_.push_back(nowhere);
        add(page, mark);
        return 0;
    }
    if (slot == (recent_bit | static_cast<Slot>(recent_count_ - 1))) return 1;
    const Mark mark = needed_mark(slot);
    erase_page(slot);
    erase_mark(mark_place_[mark]);
    add(page, mark);
    return mark + 1;
}

OptStack::Mark OptStack::needed_mark(Slot slot) const {
    std::uint64_t later = ~std::uint64_t{0};
    if ((slot & recent_bit) == 0) {
        const auto balanced = past_.oldest_balanced_after(slot, recent_.balance(later));
        if (balanced) return past_.lowest_mark_until(*balanced);
    } else {
        later = after(slot & ~recent_bit);
        // Only one page was used since: two frames are enough.
        if (std::has_single_bit(recent_.pages & later)) return 1;
    }
    // The latest page is balanced.
    const std::size_t balanced = *recent_.oldest_balanced(later, 0);
    return std::min(recent_.lowest_mark(until(balanced)), past_.lowest_mark());
}

void OptStack::erase_page(Slot slot) {
    if ((slot & recent_bit) == 0) {
        past_.erase_page(slot);
    } else {
        recent_.pages &= ~bit(slot & ~recent_bit);
    }
}

void OptStack::erase_mark(Slot slot) {
    if ((slot & recent_bit) == 0) {
        past_.erase_mark(slot);
    } else {
        recent_.marks &= ~bit(slot & ~recent_bit);
    }
}

void OptStack::add(PageId page, Mark mark) {
    if (recent_count_ == recent_size) make_room();
    const std::size_t index = recent_count_++;
    const Slot slot = recent_bit | static_cast<Slot>(index);
    recent_.pages |= bit(index);
    recent_.page[index] = page;
    place_[page] = slot;
    if (mark == 0) return;
    recent_.marks |= bit(index);
    recent_.mark[index] = mark;
    mark_place_[mark] = slot;
}

// Packs the recent slots; where they are still many the oldest become a block of the past.
void OptStack::make_room() {
    Past::Block block;
    Slot block_slot = 0;
    std::uint64_t left = recent_.used();
    const bool spills = static_cast<std::size_t>(std::popcount(left)) > recent_kept;
    if (spills && past_.is_full()) past_.renumber(place_, mark_place_);
    const Slots<recent_size> old = std::exchange(recent_, {});
    if (spills) {
        for (std::size_t to = 0; to < Past::block_size; ++to, left &= left - 1) {
            const std::size_t from = first(left);
            if ((old.pages & bit(from)) != 0) block.pages |= bit(to);
            if ((old.marks & bit(from)) != 0) block.marks |= bit(to);
            block.page[to] = old.page[from];
            block.mark[to] = old.mark[from];
        }
        block_slot = past_.push(block);
        for (std::size_t i = 0; i < Past::block_size; ++i) {
            const Slot slot = block_slot + static_cast<Slot>(i);
            if ((block.pages & bit(i)) != 0 && block.page[i] != nobody) place_[block.page[i]] = slot;
            if ((block.marks & bit(i)) != 0) mark_place_[block.mark[i]] = slot;
        }
    }
    recent_count_ = 0;
    for (; left != 0; left &= left - 1) {
        const std::size_t from = first(left);
        const std::size_t to = recent_count_++;
        const Slot slot = recent_bit | static_cast<Slot>(to);
        recent_.page[to] = old.page[from];
        recent_.mark[to] = old.mark[from];
        if ((old.pages & bit(from)) != 0) {
            recent_.pages |= bit(to);
            if (old.page[from] != nobody) place_[old.page[from]] = slot;
        }
        if ((old.marks & bit(from)) != 0) {
            recent_.marks |= bit(to);
            mark_place_[old.mark[from]] = slot;
        }
    }
}

void OptStack::remove(PageId page) {
    const Slot slot = std::exchange(place_[page], nowhere);
    if (slot == nowhere) return;
    if ((slot & recent_bit) == 0) {
        past_.forget_page(slot);
    } else {
        recent_.page[slot & ~recent_bit] = nobody;
    }
}

}  // namespace fl::lab
