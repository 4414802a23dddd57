#include "mm/buddy_allocator.hpp"

#include <algorithm>
#include <bit>

namespace fl::mm {

BuddyAllocator::BuddyAllocator(FrameTable& frames, Pfn first, Pfn end) : frames_(frames), first_(first), end_(end) {
    // Frame number 0 ends the free lists.
    FL_ASSERT(first.value() > 0 && first <= end && end.value() <= frames.page_count().value());
    // Blocks as large as alignment and end allow, pushed from the top so that low frames are handed out first.
    std::uint64_t limit = end.value();
    while (limit > first.value()) {
        unsigned order = std::min<unsigned>(max_order, static_cast<unsigned>(std::countr_zero(limit)));
        while (limit - first.value() < (std::uint64_t{1} << order)) --order;
        limit -= std::uint64_t{1} << order;
        push(Pfn(limit), order);
        free_pages_ += PageCount(std::uint64_t{1} << order);
    }
}

Pfn BuddyAllocator::allocate_or_none(unsigned order) {
    FL_ASSERT(order <= max_order);
    if (successes_left_.has_value()) {
        if (*successes_left_ == 0) return none;
        --*successes_left_;
    }
    unsigned found = order;
    while (found <= max_order && heads_[found] == 0) ++found;
    if (found > max_order) return none;
    const Pfn pfn(heads_[found]);
    pull(pfn, found);
    // Hand out the lower half, keep the upper one.
    while (found > order) {
        --found;
        push(pfn + (std::uint64_t{1} << found), found);
    }
    free_pages_ -= PageCount(std::uint64_t{1} << order);
    return pfn;
}

void BuddyAllocator::free(Pfn pfn, unsigned order) {
    FL_ASSERT(order <= max_order && (pfn.value() & ((std::uint64_t{1} << order) - 1)) == 0);
    FL_ASSERT(pfn >= first_ && pfn.value() + (std::uint64_t{1} << order) <= end_.value());
    FL_ASSERT(frames_[pfn].state == FrameState::free && !frames_[pfn].heads_free_block);
    free_pages_ += PageCount(std::uint64_t{1} << order);
    while (order < max_order) {
        const Pfn buddy(pfn.value() ^ (std::uint64_t{1} << order));
        if (!is_free_block(buddy, order)) break;
        pull(buddy, order);
        pfn = std::min(pfn, buddy);
        ++order;
    }
    push(pfn, order);
}

std::optional<BuddyAllocator::Block> BuddyAllocator::free_block_of(Pfn pfn) const {
    if (frames_[pfn].state != FrameState::free) return std::nullopt;
    for (unsigned order = 0; order < order_count; ++order) {
        const Pfn head(pfn.value() & ~((std::uint64_t{1} << order) - 1));
        if (is_free_block(head, order)) return Block{head, order};
    }
    return std::nullopt;
}

void BuddyAllocator::take(Pfn pfn) {
    const auto found = free_block_of(pfn);
    FL_ASSERT(found.has_value());
    auto [first, order] = *found;
    pull(first, order);
    while (order > 0) {
        --order;
        const Pfn upper = first + (std::uint64_t{1} << order);
        const bool is_upper = pfn >= upper;
        push(is_upper ? first : upper, order);
        if (is_upper) first = upper;
    }
    free_pages_ -= PageCount(1);
}

bool BuddyAllocator::is_free_block(Pfn pfn, unsigned order) const {
    if (pfn < first_ || pfn.value() + (std::uint64_t{1} << order) > end_.value()) return false;
    const Frame& frame = frames_[pfn];
    return frame.heads_free_block && frame.order == order;
}

// At the head of the list: the block freed last is the one whose host memory is warm.
void BuddyAllocator::push(Pfn pfn, unsigned order) {
    frames_.link_free_head(pfn, order, heads_[order]);
    heads_[order] = static_cast<std::uint32_t>(pfn.value());
    ++block_counts_[order];
}

void BuddyAllocator::pull(Pfn pfn, unsigned order) {
    FL_ASSERT(is_free_block(pfn, order));
    if (heads_[order] == pfn.value()) heads_[order] = frames_[pfn].list_next;
    frames_.unlink_free_head(pfn);
    --block_counts_[order];
}

std::array<std::uint64_t, BuddyAllocator::order_count> BuddyAllocator::free_blocks() const { return block_counts_; }

std::vector<Pfn> BuddyAllocator::free_list(unsigned order) const {
    std::vector<Pfn> blocks;
    blocks.reserve(block_counts_.at(order));
    for (std::uint32_t head = heads_.at(order); head != 0; head = frames_[Pfn(head)].list_next) {
        blocks.emplace_back(head);
    }
    return blocks;
}

std::optional<std::string> BuddyAllocator::inconsistency() const {
    std::uint64_t free_pages = 0;
    for (unsigned order = 0; order < order_count; ++order) {
        const std::uint64_t size = std::uint64_t{1} << order;
        std::uint64_t blocks = 0;
        std::uint32_t previous = 0;
        for (std::uint32_t head = heads_[order]; head != 0; head = frames_[Pfn(head)].list_next) {
            const Frame& frame = frames_[Pfn(head)];
            const std::string where = "buddy: block " + std::to_string(head) + " of order " + std::to_string(order);
            if (++blocks > managed_page_count().value()) return "buddy: the free list runs in a circle";
            if (!frame.heads_free_block || frame.order != order) return where + " is not marked as one";
            if (frame.list_prev != previous) return where + " has a broken back link";
            if (head % size != 0 || Pfn(head) < first_ || head + size > end_.value()) return where + " is misplaced";
            for (std::uint64_t i = 0; i < size; ++i) {
                const Frame& member = frames_[Pfn(head + i)];
                if (member.state != FrameState::free) return where + " holds a used frame";
                if (i > 0 && member.heads_free_block) return where + " overlaps another block";
            }
            if (order < max_order && is_free_block(Pfn(head ^ size), order)) return where + " has a free buddy";
            previous = head;
        }
        if (blocks != block_counts_[order]) return "buddy: the count of order " + std::to_string(order) + " is wrong";
        free_pages += blocks * size;
    }
    if (free_pages != free_pages_.value()) return "buddy: the free page count is wrong";
    std::uint64_t free_in_table = 0;
    for (Pfn pfn = first_; pfn < end_; pfn = pfn + 1) free_in_table += frames_[pfn].state == FrameState::free ? 1 : 0;
    if (free_in_table != free_pages) return "buddy: a free frame is on no free list";
    return std::nullopt;
}

}  // namespace fl::mm
