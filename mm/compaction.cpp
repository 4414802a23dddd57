#include "mm/compaction.hpp"

#include "mm/fragmentation.hpp"
#include "mm/migrate.hpp"
#include "mm/reclaimer.hpp"

#include <algorithm>
#include <utility>

namespace fl::mm {

namespace {

constexpr Pfn first_frame{1};  // that the buddy allocator manages
constexpr unsigned max_defer_shift = 6;
constexpr unsigned max_reclaim_rounds = 4;  // MAX_COMPACT_RETRIES of a costly order

// Room for the pages that move, and for the block (compact_gap).
PageCount compact_gap(unsigned order) { return PageCount(std::uint64_t{2} << order); }

Pfn end_of_block(Pfn first, unsigned order) { return first + (std::uint64_t{1} << order); }

}  // namespace

bool Compaction::has_block(unsigned order) const {
    const auto blocks = memory_.buddy().free_blocks();
    return std::any_of(blocks.begin() + order, blocks.end(), [](std::uint64_t count) { return count > 0; });
}

// compaction_suitable() and compaction_suit_allocation_order().
bool Compaction::is_suitable(unsigned order) const {
    const Reclaimer* reclaimer = memory_.reclaimer();
    const Watermarks marks = reclaimer != nullptr ? reclaimer->watermarks() : Watermarks{};
    const PageCount kept = order > costly_order ? marks.low : marks.min;
    if (memory_.buddy().free_page_count() < kept + compact_gap(order)) return false;
    return order <= costly_order || fragmentation_index(memory_.buddy(), order) > extfrag_threshold;
}

// --- deferring -------------------------------------------------------------------------------------------------------

bool Compaction::is_deferred(unsigned order) {
    if (order < failed_order_) return false;
    if (++considered_ < std::uint64_t{1} << defer_shift_) return true;
    considered_ = std::uint64_t{1} << defer_shift_;
    return false;
}

void Compaction::defer(unsigned order) {
    considered_ = 0;
    defer_shift_ = std::min(defer_shift_ + 1, max_defer_shift);
    failed_order_ = std::min(failed_order_, order);
}

void Compaction::stop_deferring(unsigned order) {
    considered_ = 0;
    defer_shift_ = 0;
    if (order >= failed_order_) failed_order_ = order + 1;
}

// --- who asks --------------------------------------------------------------------------------------------------------

// __alloc_pages_slowpath(), as far as it is about blocks.
bool Compaction::make_block(unsigned order, BlockEffort effort) {
    FL_ASSERT(order > 0 && order < BuddyAllocator::order_count);
    wanted_order_ = std::max(wanted_order_, order);
    if (effort == BlockEffort::take) return false;
    if (!is_deferred(order) && compact_for(order)) return true;
    Reclaimer* reclaimer = memory_.reclaimer();
    if (effort == BlockEffort::compact || reclaimer == nullptr) return false;
    for (unsigned round = 0; round < max_reclaim_rounds; ++round) {
        if (reclaimer->reclaim(compact_gap(order)) == PageCount(0)) return false;
        if (has_block(order) || compact_for(order)) return true;
    }
    return false;
}

// __alloc_pages_direct_compact()
bool Compaction::compact_for(unsigned order) {
    if (!is_suitable(order)) return false;
    ++counters_.stalls;
    const bool made = scan(order);
    ++(made ? counters_.successes : counters_.failures);
    made ? stop_deferring(order) : defer(order);
    return made;
}

// compact_zone(): whether there is a block now.
bool Compaction::scan(unsigned order) {
    if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->settle();
    free_scanner_ = Pfn(memory_.total_page_count().value());
    bool made = false;
    for (Pfn first{0}; !made && end_of_block(first, order) <= free_scanner_; first = end_of_block(first, order)) {
        made = empty_block(first, order) && has_block(order);
    }
    return made;
}

void Compaction::compact_all() {
    if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->settle();
    free_scanner_ = Pfn(memory_.total_page_count().value());
    for (Pfn pfn = first_frame; pfn < free_scanner_; pfn = pfn + 1) {
        if (can_isolate(pfn) && move(pfn, pfn + 1) == Moved::no_frame_left) return;
    }
}

// --- in the background ---------------------------------------------------------------------------------------------

void Compaction::wake_daemon(unsigned order) {
    if (!daemon_) return;
    daemon_order_ = std::max(daemon_order_, order);
    // kcompactd_node_suitable()
    if (!has_block(daemon_order_) && is_suitable(daemon_order_)) daemon_();
}

void Compaction::kswapd_sleeps() {
    if (const unsigned order = std::exchange(wanted_order_, 0); order > 0) wake_daemon(order);
}

// kcompactd_do_work(). What it makes may be gone before it is asked for, so that only the order is not put off any
// more.
void Compaction::run_daemon() {
    const unsigned order = std::exchange(daemon_order_, 0);
    if (order == 0) return;
    ++counters_.daemon_wakes;
    if (has_block(order) || is_deferred(order) || !is_suitable(order)) return;
    const std::uint64_t migrate_scanned = counters_.migrate_scanned, free_scanned = counters_.free_scanned;
    if (!scan(order)) {
        defer(order);
    } else if (order >= failed_order_) {
        failed_order_ = order + 1;
    }
    counters_.daemon_migrate_scanned += counters_.migrate_scanned - migrate_scanned;
    counters_.daemon_free_scanned += counters_.free_scanned - free_scanned;
}

// --- the scanners ----------------------------------------------------------------------------------------------------

// Moving some of its pages would be for nothing where one cannot move (isolate_migratepages_block, skip_on_failure).
bool Compaction::can_be_emptied(Pfn first, unsigned order) {
    for (Pfn pfn = first; pfn < end_of_block(first, order); pfn = pfn + 1) {
        if (!can_isolate(pfn) && memory_.frames()[pfn].state != FrameState::free) return false;
    }
    return true;
}

bool Compaction::empty_block(Pfn first, unsigned order) {
    if (!can_be_emptied(first, order)) return false;
    const Pfn end = end_of_block(first, order);
    for (Pfn pfn = first; pfn < end; pfn = pfn + 1) {
        if (memory_.frames()[pfn].state != FrameState::free && move(pfn, end) != Moved::yes) return false;
    }
    return true;
}

// Of a pinned page of a file it shows only when it is to move (isolate_migratepages_block).
bool Compaction::can_isolate(Pfn pfn) {
    ++counters_.migrate_scanned;
    if (!is_movable(memory_, pfn)) return false;
    return memory_.frames()[pfn].state != FrameState::anonymous || !is_pinned(memory_, pfn);
}

Compaction::Moved Compaction::move(Pfn pfn, Pfn lowest_target) {
    if (!find_target(lowest_target)) return Moved::no_frame_left;
    counters_.isolated += 2;
    memory_.buddy().take(free_scanner_);
    const bool done = migrate_page(memory_, pfn, free_scanner_) == Migration::done;
    ++(done ? counters_.migrated : counters_.not_migrated);
    return done ? Moved::yes : Moved::no;
}

// The scanner stops at a frame that is free, `lowest` or above. Whole free pageblocks are left alone
// (suitable_migration_target).
bool Compaction::find_target(Pfn lowest) {
    while (free_scanner_ > lowest) {
        free_scanner_ = Pfn(free_scanner_.value() - 1);
        ++counters_.free_scanned;
        const auto block = memory_.buddy().free_block_of(free_scanner_);
        if (!block) continue;
        if (block->order < pageblock_order) return true;
        free_scanner_ = std::max(lowest, block->first);
    }
    return false;
}

}  // namespace fl::mm
