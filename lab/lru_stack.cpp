#include "lab/lru_stack.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace fl::lab {

// --- the places below ------------------------------------------------------------------------------------------------

void LruStack::Below::add(std::size_t word, std::uint32_t count) {
    for (std::size_t i = word + 1; i < counts_.size(); i += i & (~i + 1)) counts_[i] += count;
}

std::size_t LruStack::Below::count_before(std::uint32_t slot) const {
    const std::size_t word = slot / word_bits;
    const std::uint64_t lower = (std::uint64_t{1} << (slot % word_bits)) - 1;
    std::uint32_t count = static_cast<std::uint32_t>(std::popcount(used_[word] & lower));
    for (std::size_t i = word; i > 0; i &= i - 1) count += counts_[i];
    return count;
}

std::size_t LruStack::Below::rank(std::uint32_t slot) const { return size_ - count_before(slot); }

std::uint32_t LruStack::Below::push(PageId page) {
    const std::uint32_t slot = next_++;
    used_[slot / word_bits] |= std::uint64_t{1} << (slot % word_bits);
    pages_[slot] = page;
    add(slot / word_bits, 1);
    ++size_;
    return slot;
}

void LruStack::Below::erase(std::uint32_t slot) {
    used_[slot / word_bits] &= ~(std::uint64_t{1} << (slot % word_bits));
    add(slot / word_bits, ~std::uint32_t{0});
    --size_;
}

void LruStack::Below::make_hole(std::uint32_t slot) {
    pages_[slot] = hole;
    holes_.push(slot);
}

void LruStack::Below::erase_topmost_hole() {
    erase(holes_.top());
    holes_.pop();
}

void LruStack::Below::renumber(std::vector<std::uint32_t>& place) {
    constexpr std::size_t least_slots = 1024;
    std::vector<PageId> pages;
    pages.reserve(size_);
    for (std::size_t word = 0; word < used_.size(); ++word) {
        for (std::uint64_t left = used_[word]; left != 0; left &= left - 1)
            pages.push_back(pages_[word * word_bits + static_cast<std::size_t>(std::countr_zero(left))]);
    }
    const std::size_t slots = std::bit_ceil(std::max(least_slots, 2 * pages.size()));
    used_.assign(slots / word_bits, 0);
    counts_.assign(slots / word_bits + 1, 0);
    pages_.assign(slots, hole);
    holes_ = {};
    next_ = 0;
    size_ = 0;
    for (const PageId page : pages) {
        const std::uint32_t slot = push(page);
        if (page == hole) {
            holes_.push(slot);
        } else {
            place[page] = slot;
        }
    }
}

// --- the stack -------------------------------------------------------------------------------------------------------

std::size_t LruStack::use(PageId page) {
    if (place_[page] == at_top) return top_holes_ == 0 ? use_at_top(page) : use_past_holes(page);
    return top_holes_ == 0 ? use_from_below(page) : use_past_holes(page);
}

std::size_t LruStack::find_at_top(PageId page) const {
    std::size_t index = 0;
    while (top_[index] != page) ++index;
    return index;
}

std::size_t LruStack::use_at_top(PageId page) {
    PageId above = page;
    std::size_t index = 0;
    while (true) {
        above = std::exchange(top_[index++], above);
        if (above == page) return index;
    }
}

// The topmost hole of all is at the top: only what is above moves.
std::size_t LruStack::use_past_holes(PageId page) {
    std::size_t depth = 0;
    const std::size_t first_hole = find_at_top(hole);
    if (place_[page] == at_top) {
        const std::size_t index = find_at_top(page);
        if (index < first_hole) return use_at_top(page);
        top_[index] = hole;
        depth = index + 1;
    } else {
        if (place_[page] != nowhere) {
            depth = top_count_ + below_.rank(place_[page]);
            below_.make_hole(place_[page]);
        }
        --top_holes_;
        place_[page] = at_top;
    }
    std::copy_backward(top_.begin(), top_.begin() + static_cast<std::ptrdiff_t>(first_hole),
                       top_.begin() + static_cast<std::ptrdiff_t>(first_hole) + 1);
    top_[0] = page;
    return depth;
}

std::size_t LruStack::use_from_below(PageId page) {
    const std::uint32_t slot = std::exchange(place_[page], at_top);
    std::size_t depth = 0;
    PageId pushed_out = hole;
    if (top_count_ < top_size) {
        ++top_count_;
    } else {
        pushed_out = top_.back();
    }
    std::copy_backward(top_.begin(), top_.end() - 1, top_.end());
    top_[0] = page;
    if (pushed_out == hole) return depth;

    const bool fills_hole = below_.has_hole() && (slot == nowhere || below_.topmost_hole() > slot);
    if (slot != nowhere) depth = top_size + below_.rank(slot);
    if (fills_hole) below_.erase_topmost_hole();
    if (slot != nowhere) {
        if (fills_hole) {
            below_.make_hole(slot);
        } else {
            below_.erase(slot);
        }
    }
    push_below(pushed_out);
    return depth;
}

void LruStack::push_below(PageId page) {
    if (below_.is_full()) below_.renumber(place_);
    place_[page] = below_.push(page);
}

void LruStack::remove(PageId page) {
    const std::uint32_t place = std::exchange(place_[page], nowhere);
    if (place == nowhere) return;
    if (place == at_top) {
        top_[find_at_top(page)] = hole;
        ++top_holes_;
    } else {
        below_.make_hole(place);
    }
}

}  // namespace fl::lab
