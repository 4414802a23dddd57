// The views that are arrays of 64-bit words: /proc/PID/pagemap, one for each virtual page, and /proc/kpagecount,
// kpageflags and kpagecgroup, one for each frame (Documentation/admin-guide/mm/pagemap.rst).
//
// A reader names the place by its offset: word i is at byte 8 i. EINVAL where offset or size is no multiple of 8.
#pragma once

#include "kernel/memory_census.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace fl::kernel {

// Bits of a word of pagemap (fs/proc/task_mmu.c). The frame number is in bits 54..0, as root sees it; of a page in swap
// the device's number is in bits 4..0, always 0, and the slot in bits 54..5. The soft-dirty bit 55 is never set, as on
// a kernel without CONFIG_MEM_SOFT_DIRTY. Of shared memory in swap a page table knows nothing: its word is 0.
inline constexpr std::uint64_t pagemap_exclusive = 1ULL << 56;  // mapped once
inline constexpr std::uint64_t pagemap_write_protected = 1ULL << 57;
inline constexpr std::uint64_t pagemap_file = 1ULL << 61;  // a file's page, or shared anonymous memory
inline constexpr std::uint64_t pagemap_swapped = 1ULL << 62;
inline constexpr unsigned pagemap_slot_shift = 5;  // MAX_SWAPFILES_SHIFT
// A guard: Linux shows the swap type and offset of its marker as well (PM_GUARD_REGION, PTE_MARKER_GUARD).
inline constexpr std::uint64_t pagemap_guard = pagemap_swapped | 1ULL << 58 | 4 << 5 | 31;
// The entry of a marker is one of swap's, of type 31.
inline constexpr std::uint64_t pagemap_write_marker = pagemap_swapped | pagemap_write_protected | 1 << 5 | 31;
inline constexpr std::uint64_t pagemap_poison_marker = pagemap_swapped | 2 << 5 | 31;
inline constexpr std::uint64_t pagemap_present = 1ULL << 63;

// Bits of a word of kpageflags (include/uapi/linux/kernel-page-flags.h).
inline constexpr std::uint64_t kpf_referenced = 1ULL << 2;
inline constexpr std::uint64_t kpf_uptodate = 1ULL << 3;
inline constexpr std::uint64_t kpf_dirty = 1ULL << 4;
inline constexpr std::uint64_t kpf_lru = 1ULL << 5;
inline constexpr std::uint64_t kpf_slab = 1ULL << 7;
inline constexpr std::uint64_t kpf_buddy = 1ULL << 10;
inline constexpr std::uint64_t kpf_mmap = 1ULL << 11;
inline constexpr std::uint64_t kpf_anon = 1ULL << 12;
inline constexpr std::uint64_t kpf_swapcache = 1ULL << 13;
inline constexpr std::uint64_t kpf_swapbacked = 1ULL << 14;
inline constexpr std::uint64_t kpf_compound_head = 1ULL << 15;
inline constexpr std::uint64_t kpf_compound_tail = 1ULL << 16;
inline constexpr std::uint64_t kpf_thp = 1ULL << 22;
inline constexpr std::uint64_t kpf_unevictable = 1ULL << 18;
inline constexpr std::uint64_t kpf_zero_page = 1ULL << 24;
inline constexpr std::uint64_t kpf_pgtable = 1ULL << 26;
inline constexpr std::uint64_t kpf_reserved = 1ULL << 32;
inline constexpr std::uint64_t kpf_mlocked = 1ULL << 33;

std::uint64_t pagemap_word(const mm::MmStruct& mm, VirtAddr page);

// read(2) of each view: how many bytes were read; 0 at the end.
Result<std::uint64_t> read_pagemap(const mm::MmStruct& mm, std::uint64_t offset, std::span<std::byte> into);
Result<std::uint64_t> read_kpagecount(const mm::PhysicalMemory& memory, std::uint64_t offset,
                                      std::span<std::byte> into);
Result<std::uint64_t> read_kpageflags(const mm::PhysicalMemory& memory, std::span<const mm::MmStruct* const> spaces,
                                      std::uint64_t offset, std::span<std::byte> into);
// Inode numbers of memory control groups, of which there are none: 0 for each frame.
Result<std::uint64_t> read_kpagecgroup(const mm::PhysicalMemory& memory, std::uint64_t offset,
                                       std::span<std::byte> into);

}  // namespace fl::kernel
