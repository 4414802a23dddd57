// HugePages: when anonymous memory gets large pages of 2 MiB, and what has become of them (Linux: mm/huge_memory.c,
// transparent_hugepage_flags and the thp_ counters of /proc/vmstat).
#pragma once

#include "emu/pte.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>

namespace fl::mm {

// /sys/kernel/mm/transparent_hugepage/enabled.
enum class ThpMode : std::uint8_t {
    always,   // wherever one fits
    madvise,  // where MADV_HUGEPAGE asks for them
    never,
};
inline constexpr std::size_t thp_mode_count = 3;

const char* thp_mode_name(ThpMode mode);

// /sys/kernel/mm/transparent_hugepage/defrag: what a fault that wants a large page does where no block is free.
enum class ThpDefrag : std::uint8_t {
    always,         // memory is compacted for it
    defer,          // it brings 4 KiB, and wakes kcompactd
    defer_madvise,  // compacted under MADV_HUGEPAGE, elsewhere as `defer`
    madvise,        // compacted under MADV_HUGEPAGE, elsewhere as `never`
    never,
};
inline constexpr std::size_t thp_defrag_count = 5;

const char* thp_defrag_name(ThpDefrag defrag);

// Of the buddy allocator's block behind a large page.
inline constexpr unsigned huge_page_order = 9;
static_assert(emu::large_page_frames == 1U << huge_page_order);
inline constexpr std::uint64_t huge_page_bytes = emu::large_page_size;

constexpr VirtAddr huge_page_floor(VirtAddr address) { return VirtAddr(address.value() & ~(huge_page_bytes - 1)); }
constexpr bool huge_page_aligned(VirtAddr address) { return address.value() % huge_page_bytes == 0; }
// What one large page, or one table of the last level, covers around `address`.
constexpr VirtRange huge_page_range(VirtAddr address) {
    return VirtRange{huge_page_floor(address), huge_page_floor(address) + huge_page_bytes};
}

// Counted as Linux counts them: events of /proc/vmstat.
struct HugePageCounters {
    std::uint64_t fault_alloc = 0;            // faults that brought a large page
    std::uint64_t fault_fallback = 0;         // those that would have, and found no block
    std::uint64_t collapse_alloc = 0;         // blocks for 4 KiB pages to be gathered in
    std::uint64_t collapse_alloc_failed = 0;  // none was free
    std::uint64_t split_pmd = 0;              // large entries that became a table of 4 KiB ones
    std::uint64_t split_page = 0;             // of these: so that the reclaimer can look at the pages one by one
    friend bool operator==(const HugePageCounters&, const HugePageCounters&) = default;
};

// /sys/kernel/mm/transparent_hugepage/khugepaged: what it goes by, and what it has done.
struct Khugepaged {
    bool defrag = true;                   // memory is compacted for what it gathers
    std::uint32_t pages_to_scan = 4096;   // in one pass
    std::uint32_t max_ptes_none = 511;    // of the 512 pages of a place: that are not there, or of zeroes
    std::uint32_t max_ptes_swap = 64;     // in swap
    std::uint32_t max_ptes_shared = 256;  // that others map as well
    std::uint32_t scan_sleep_millisecs = 10'000;
    std::uint32_t alloc_sleep_millisecs = 60'000;  // once no block was to be had
    std::uint32_t pages_collapsed = 0;
    std::uint32_t full_scans = 0;
    // Places that it left alone, as in /proc/vmstat: more are missing, in swap or shared than these allow.
    std::uint64_t scan_exceed_none = 0, scan_exceed_swap = 0, scan_exceed_shared = 0;
    std::function<void()> changed{};  // called when somebody has set its times, or ThpMode; empty: nobody cares
};

struct HugePages {
    ThpMode mode = ThpMode::never;
    ThpDefrag defrag = ThpDefrag::madvise;
    HugePageCounters counters;
    Khugepaged khugepaged;
};

}  // namespace fl::mm
