#include "kernel/proc_frames.hpp"

#include "mm/slab/kmem_cache.hpp"

#include <algorithm>
#include <cstring>

namespace fl::kernel {

namespace {

constexpr std::uint64_t word_bytes = 8;

// Fills `into` with word_at(i) for the words from `offset` on, of which there are `word_count`.
template <class WordAt>
Result<std::uint64_t> read_words(std::uint64_t offset, std::span<std::byte> into, std::uint64_t word_count,
                                 WordAt&& word_at) {
    if (offset % word_bytes != 0 || into.size() % word_bytes != 0) return fail(Errno::einval);
    const std::uint64_t first = offset / word_bytes;
    if (first >= word_count) return 0;
    const std::uint64_t count = std::min<std::uint64_t>(into.size() / word_bytes, word_count - first);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t word = word_at(first + i);
        std::memcpy(into.data() + i * word_bytes, &word, word_bytes);
    }
    return count * word_bytes;
}

// Of a user page, whose it may be. Private memory is dirty once it has a slot and differs from it, as PG_dirty has it;
// the D bits of page tables are not in it.
std::uint64_t user_flags(const mm::Frame& frame) {
    std::uint64_t flags = kpf_uptodate | kpf_lru;
    if (is_kept(frame)) flags |= kpf_unevictable;
    if (frame.map_count > 0) flags |= kpf_mmap;
    if (frame.dirty) flags |= kpf_dirty;
    if (frame.referenced) flags |= kpf_referenced;
    if (frame.slot != 0) flags |= kpf_swapcache;
    return flags;
}

// fs/proc/page.c, stable_page_flags. A page of memory that only lives in the page cache (tmpfs) can go to swap alone;
// what may be given up (MADV_FREE) need not.
std::uint64_t flags_of(const mm::Frame& frame) {
    switch (frame.state) {
        case mm::FrameState::free: return kpf_buddy;
        case mm::FrameState::reserved: return kpf_reserved;
        case mm::FrameState::page_table: return kpf_pgtable;
        case mm::FrameState::anonymous: return user_flags(frame) | kpf_anon | (frame.lazy_free ? 0 : kpf_swapbacked);
        case mm::FrameState::file_cache: return user_flags(frame);
        case mm::FrameState::shared_memory: return user_flags(frame) | kpf_swapbacked;
        case mm::FrameState::zero_page: return kpf_reserved | kpf_zero_page;
        case mm::FrameState::slab: return frame.slab()->cache != nullptr ? kpf_slab : 0;
        case mm::FrameState::kernel_stack: return 0;
        case mm::FrameState::special: return kpf_reserved | (frame.map_count > 0 ? kpf_mmap : 0);
        case mm::FrameState::kernel_table: return kpf_pgtable;
        case mm::FrameState::memory_map: return kpf_reserved;
        case mm::FrameState::vmalloc: return 0;
    }
    return 0;
}

// A part of a block that a large entry maps. (Linux has them for as long as the block is one, even where 4 KiB entries
// alone map it.)
std::uint64_t large_page_flags(const mm::PhysicalMemory& memory, Pfn pfn) {
    if (!memory.frames().is_mapped_large(pfn)) return 0;
    return kpf_thp | (pfn.value() % emu::large_page_frames == 0 ? kpf_compound_head : kpf_compound_tail);
}

}  // namespace

// pte_to_pagemap_entry. The page of zeroes and what the kernel only shows are nobody's: neither a file's nor exclusive.
std::uint64_t pagemap_word(const mm::MmStruct& mm, VirtAddr page) {
    const emu::Pte entry = mm.page_table().page_at(page);
    switch (entry.kind()) {
        case emu::PteKind::none: return 0;
        case emu::PteKind::swapped:
            return pagemap_swapped | entry.slot().value() << pagemap_slot_shift |
                   (entry.is_write_protected() ? pagemap_write_protected : 0);
        case emu::PteKind::guard: return pagemap_guard;
        case emu::PteKind::write_protected: return pagemap_write_marker;
        case emu::PteKind::poisoned: return pagemap_poison_marker;
        case emu::PteKind::present:
        case emu::PteKind::prot_none: break;
    }
    const Pfn pfn = entry.pfn();
    std::uint64_t word = pagemap_present | pfn.value();
    if (entry.is_write_protected()) word |= pagemap_write_protected;
    if (!mm.memory().counts_mappings(pfn)) return word;
    const mm::Frame& frame = mm.memory().frames()[pfn];
    if (frame.state != mm::FrameState::anonymous) word |= pagemap_file;
    if (frame.map_count == 1) word |= pagemap_exclusive;
    return word;
}

Result<std::uint64_t> read_pagemap(const mm::MmStruct& mm, std::uint64_t offset, std::span<std::byte> into) {
    return read_words(offset, into, mm::task_size.vpn().value(),
                      [&](std::uint64_t page) { return pagemap_word(mm, VirtAddr(page << page_shift)); });
}

Result<std::uint64_t> read_kpagecount(const mm::PhysicalMemory& memory, std::uint64_t offset,
                                      std::span<std::byte> into) {
    return read_words(offset, into, memory.total_page_count().value(),
                      [&](std::uint64_t frame) { return memory.frames()[Pfn(frame)].map_count; });
}

Result<std::uint64_t> read_kpageflags(const mm::PhysicalMemory& memory, std::span<const mm::MmStruct* const> spaces,
                                      std::uint64_t offset, std::span<std::byte> into) {
    const std::unordered_set<Pfn> locked = locked_frames(spaces);
    return read_words(offset, into, memory.total_page_count().value(), [&](std::uint64_t frame) {
        const std::uint64_t flags = flags_of(memory.frames()[Pfn(frame)]) | large_page_flags(memory, Pfn(frame));
        return locked.contains(Pfn(frame)) ? flags | kpf_unevictable | kpf_mlocked : flags;
    });
}

Result<std::uint64_t> read_kpagecgroup(const mm::PhysicalMemory& memory, std::uint64_t offset,
                                       std::span<std::byte> into) {
    return read_words(offset, into, memory.total_page_count().value(), [](std::uint64_t) { return 0; });
}

}  // namespace fl::kernel
