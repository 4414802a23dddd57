// Compaction: makes blocks of free frames by moving pages out of their way (Linux: mm/compaction.c).
//
// Two scanners start at the two ends of RAM and run towards each other: the migrate scanner goes up and finds pages
// that can move, the free scanner goes down and finds frames for them. The pages gather at the high end, the free
// frames at the low one, where they join into blocks. Unlike Linux's, the scanners meet to the frame, not to the
// pageblock, for a machine here may be smaller than one; each pass starts at the ends; and pages move one by one.
//
// Invariant: between two calls no frame is isolated: used and free frames are all of RAM.
#pragma once

#include "emu/address.hpp"

#include <array>
#include <cstdint>
#include <functional>

namespace fl::mm {

class PhysicalMemory;

// How far an allocation of a block of frames goes (Linux: GFP flags).
enum class BlockEffort : std::uint8_t {
    take,     // what is free
    compact,  // pages are moved for it (__GFP_NORETRY)
    reclaim,  // and leave memory where too little is free (GFP_KERNEL)
};

// What mm/page_alloc.c groups into one pageblock on x86: as much as a large page.
inline constexpr unsigned pageblock_order = 9;
// Above this order a block is hard to come by (PAGE_ALLOC_COSTLY_ORDER).
inline constexpr unsigned costly_order = 3;
// A costly block is compacted for only where the fragmentation index is above that (sysctl_extfrag_threshold).
inline constexpr int extfrag_threshold = 500;

// As in /proc/vmstat.
struct CompactionCounters {
    std::uint64_t migrate_scanned = 0;
    std::uint64_t free_scanned = 0;
    std::uint64_t isolated = 0;  // pages to move and frames to move them to
    std::uint64_t stalls = 0;    // allocations that compacted
    std::uint64_t failures = 0;
    std::uint64_t successes = 0;
    std::uint64_t migrated = 0;      // pgmigrate_success
    std::uint64_t not_migrated = 0;  // pgmigrate_fail
    std::uint64_t daemon_wakes = 0;  // kcompactd
    std::uint64_t daemon_migrate_scanned = 0;
    std::uint64_t daemon_free_scanned = 0;
};

class Compaction {
public:
    explicit Compaction(PhysicalMemory& memory) : memory_(memory) {}
    Compaction(const Compaction&) = delete;
    Compaction& operator=(const Compaction&) = delete;

    // For an allocation that found no free block of 2^order frames, order >= 1: whether there is one now. After a
    // failure the next tries of that order and above fail at once, a few at first, then up to 63 (defer_compaction).
    bool make_block(unsigned order, BlockEffort effort);
    // Moves every page that can move (/proc/sys/vm/compact_memory).
    void compact_all();

    // The background's part (kcompactd). `wake` is called when there is work for it; empty: nobody does any.
    void set_daemon(std::function<void()> wake) { daemon_ = std::move(wake); }
    // A block of 2^order frames is wanted, and nobody waits for it (wakeup_kcompactd).
    void wake_daemon(unsigned order);
    // kswapd has done its work: what blocks were asked for meanwhile is the daemon's to make (kswapd_try_to_sleep).
    void kswapd_sleeps();
    // Makes the largest block that was asked for since the last call.
    void run_daemon();

    const CompactionCounters& counters() const { return counters_; }

private:
    bool has_block(unsigned order) const;
    bool is_suitable(unsigned order) const;
    bool is_deferred(unsigned order);
    void defer(unsigned order);
    void stop_deferring(unsigned order);
    bool compact_for(unsigned order);
    bool scan(unsigned order);
    bool empty_block(Pfn first, unsigned order);
    bool can_be_emptied(Pfn first, unsigned order);
    bool can_isolate(Pfn pfn);
    enum class Moved : std::uint8_t { yes, no, no_frame_left };
    Moved move(Pfn pfn, Pfn lowest_target);
    bool find_target(Pfn lowest);

    PhysicalMemory& memory_;
    CompactionCounters counters_;
    Pfn free_scanner_{};  // everything from here on has been looked at
    // A try that was put off is counted; up to 2^defer_shift_ of them are.
    std::uint64_t considered_ = 0;
    unsigned defer_shift_ = 0;
    unsigned failed_order_ = ~0U;  // orders from here on are put off
    std::function<void()> daemon_;
    unsigned daemon_order_ = 0;  // that it is to make; 0: none
    unsigned wanted_order_ = 0;  // the largest that was not there when it was asked for, since kswapd last slept
};

}  // namespace fl::mm
