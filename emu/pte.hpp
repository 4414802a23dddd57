// One x86-64 page-table entry, with the processor's own bit layout (Intel SDM vol. 3A, table 4-20):
//
//   63   62..52  51..12  11..9  8  7    6  5  4    3    2  1  0
//   NX   -       pfn     soft   G  PAT  D  A  PCD  PWT  U  W  P
//
// In an entry of a page directory (level 2) bit 7 says that it maps a large page of 2 MiB itself (PS), whose first
// frame is a multiple of 512; it refers to a table otherwise.
//
// Some kinds of entry are not present to the processor and yet not empty, as on Linux:
//   prot_none  P = 0, bit 8 = 1: a resident page that PROT_NONE hides (_PAGE_PROTNONE); the frame number is kept
//   swapped    P = 0, bit 1 = 1, bit 8 = 0: the slot is in bits 51..12; bit 2: the page was this entry's alone
//              (_PAGE_SWP_EXCLUSIVE)
//   guard      P = 0, bit 9 = 1, nothing else: a page that must not be touched (PTE_MARKER_GUARD)
//   protected  P = 0, bit 10 = 1, nothing else: where no page is, and yet the first write is to be told to a
//              userfaultfd (PTE_MARKER_UFFD_WP)
//   poisoned   P = 0, bit 11 = 1, nothing else: a page that cannot be read (PTE_MARKER_POISONED)
// In an entry with a frame or a slot bit 10 says the same of the page (_PAGE_UFFD_WP); it is never writable then.
//
// Invariant: nobody outside this file touches raw bits; kind() forces the reader to tell the cases apart.
#pragma once

#include "emu/address.hpp"

#include <cstdint>

namespace fl::emu {

enum class PteKind : std::uint8_t { none, present, prot_none, swapped, guard, write_protected, poisoned };

// Which accesses a present PTE allows beyond a supervisor's read.
struct PteAccess {
    bool writable = false;
    bool user = false;
    bool executable = false;
    bool global = false;  // G: stays in the TLB when the address space changes; the kernel's own pages
};

// The 4 KiB frames of a large page.
inline constexpr std::uint64_t large_page_frames = 512;
inline constexpr std::uint64_t large_page_size = large_page_frames * page_size;

class SwapSlot : public detail::Index<SwapSlot> {
public:
    using Index::Index;
};

class Pte {
public:
    constexpr Pte() = default;
    static constexpr Pte none() { return Pte(); }
    static constexpr Pte present(Pfn pfn, PteAccess access) {
        return Pte(bit_present | (pfn.value() << page_shift & mask_pfn) | (access.writable ? bit_writable : 0) |
                   (access.user ? bit_user : 0) | (access.global ? bit_global : 0) |
                   (access.executable ? 0 : bit_no_execute));
    }
    // Of level 2: `first` begins a large page.
    static constexpr Pte present_large(Pfn first, PteAccess access) {
        FL_ASSERT(first.value() % large_page_frames == 0);
        return Pte(present(first, access).raw_ | bit_large);
    }
    // The page is in swap; `exclusive`: no other entry refers to it.
    static constexpr Pte swapped(SwapSlot slot, bool exclusive = false) {
        return Pte(bit_swapped | (slot.value() << page_shift & mask_pfn) | (exclusive ? bit_exclusive : 0));
    }
    // Markers: entries without a page.
    static constexpr Pte guard() { return Pte(bit_guard); }
    static constexpr Pte write_protected() { return Pte(bit_uffd_wp); }
    static constexpr Pte poisoned() { return Pte(bit_poisoned); }
    // The entry as it lies in RAM.
    static constexpr Pte from_raw(std::uint64_t raw) { return Pte(raw); }

    constexpr std::uint64_t raw() const { return raw_; }
    constexpr PteKind kind() const {
        if ((raw_ & bit_present) != 0) return PteKind::present;
        if (raw_ == 0) return PteKind::none;
        if ((raw_ & bit_prot_none) != 0) return PteKind::prot_none;
        if (raw_ == bit_uffd_wp) return PteKind::write_protected;
        if (raw_ == bit_poisoned) return PteKind::poisoned;
        return raw_ == bit_guard ? PteKind::guard : PteKind::swapped;
    }
    constexpr bool is_present() const { return (raw_ & bit_present) != 0; }
    constexpr bool is_none() const { return raw_ == 0; }
    constexpr bool is_guard() const { return raw_ == bit_guard; }
    constexpr bool is_marker() const { return raw_ == bit_guard || raw_ == bit_uffd_wp || raw_ == bit_poisoned; }
    // A userfaultfd wants to hear of the next write, whether or not a page is there.
    constexpr bool is_write_protected() const { return (raw_ & bit_uffd_wp) != 0; }
    constexpr bool is_swapped() const { return kind() == PteKind::swapped; }
    // Of a swapped page: no other entry refers to it.
    constexpr bool is_exclusive() const { return is_swapped() && (raw_ & bit_exclusive) != 0; }
    constexpr Pte without_exclusive() const {
        FL_ASSERT(is_swapped());
        return Pte(raw_ & ~bit_exclusive);
    }
    // A frame stands behind it, visible to the processor or not.
    constexpr bool is_resident() const { return (raw_ & (bit_present | bit_prot_none)) != 0; }
    constexpr Pfn pfn() const {
        FL_ASSERT(is_resident());
        return Pfn((raw_ & mask_pfn) >> page_shift);
    }
    constexpr SwapSlot slot() const {
        FL_ASSERT(kind() == PteKind::swapped);
        return SwapSlot((raw_ & mask_pfn) >> page_shift);
    }
    constexpr bool writable() const { return (raw_ & bit_writable) != 0; }
    constexpr bool user() const { return (raw_ & bit_user) != 0; }
    constexpr bool executable() const { return (raw_ & bit_no_execute) == 0; }
    constexpr bool accessed() const { return (raw_ & bit_accessed) != 0; }
    constexpr bool dirty() const { return (raw_ & bit_dirty) != 0; }
    // Of a present or hidden entry of level 2.
    constexpr bool is_large() const { return is_resident() && (raw_ & bit_large) != 0; }
    // The 4 KiB frame behind an address that a resident leaf of either size maps.
    constexpr Pfn pfn_at(VirtAddr address) const { return is_large() ? pfn() + address.table_index(1) : pfn(); }
    // Of a large one: the entry of level 1 that maps its 4 KiB page `index` in the same way.
    constexpr Pte small(std::uint64_t index) const {
        FL_ASSERT(is_large() && index < large_page_frames);
        return Pte((raw_ & ~bit_large) + (index << page_shift));
    }
    // What a leaf of either size says of the 4 KiB page at an address.
    constexpr Pte at(VirtAddr address) const { return is_large() ? small(address.table_index(1)) : *this; }
    constexpr bool global() const { return is_present() && (raw_ & bit_global) != 0; }
    // Of a present entry of that level.
    constexpr bool reserved_bits_set(unsigned level) const {
        if ((raw_ & mask_reserved) != 0) return true;
        if (level == 1 || (raw_ & bit_large) == 0) return false;
        return level != 2 || (raw_ & mask_large_reserved) != 0;
    }

    constexpr Pte with_accessed() const { return Pte(raw_ | bit_accessed); }
    constexpr Pte with_dirty() const { return Pte(raw_ | bit_dirty); }
    constexpr Pte without_accessed() const { return Pte(raw_ & ~bit_accessed); }
    constexpr Pte without_dirty() const { return Pte(raw_ & ~bit_dirty); }
    constexpr Pte with_writable() const { return Pte(raw_ | bit_writable); }
    constexpr Pte without_writable() const { return Pte(raw_ & ~bit_writable); }
    constexpr Pte with_write_protection() const {
        // An absent page has no right to write, and its kind is in that bit.
        return Pte((is_resident() ? raw_ & ~bit_writable : raw_) | bit_uffd_wp);
    }
    constexpr Pte without_write_protection() const { return Pte(raw_ & ~bit_uffd_wp); }
    // Hidden by PROT_NONE; A, D and the frame stay.
    constexpr Pte with_prot_none() const {
        FL_ASSERT(is_resident());
        return Pte((raw_ & ~(bit_present | bit_writable)) | bit_prot_none);
    }
    // The same entry of a page that lies in another frame now.
    constexpr Pte with_pfn(Pfn pfn) const {
        FL_ASSERT(is_resident() && !is_large());
        return Pte((raw_ & ~mask_pfn) | (pfn.value() << page_shift & mask_pfn));
    }
    // The same page, present under other permissions; A and D stay.
    constexpr Pte with_access(PteAccess access) const {
        FL_ASSERT(is_resident());
        const std::uint64_t kept = raw_ & ~(bit_writable | bit_user | bit_no_execute | bit_prot_none);
        return Pte(kept | bit_present | (access.writable ? bit_writable : 0) | (access.user ? bit_user : 0) |
                   (access.executable ? 0 : bit_no_execute));
    }

    friend constexpr bool operator==(Pte, Pte) = default;

private:
    constexpr explicit Pte(std::uint64_t raw) : raw_(raw) {}

    static constexpr std::uint64_t bit_present = 1ULL << 0;
    static constexpr std::uint64_t bit_writable = 1ULL << 1;
    static constexpr std::uint64_t bit_user = 1ULL << 2;
    static constexpr std::uint64_t bit_accessed = 1ULL << 5;
    static constexpr std::uint64_t bit_dirty = 1ULL << 6;
    static constexpr std::uint64_t bit_large = 1ULL << 7;  // PS; PAT in a leaf of level 1
    static constexpr std::uint64_t bit_global = 1ULL << 8;
    static constexpr std::uint64_t bit_prot_none = bit_global;  // G means nothing while P = 0
    static constexpr std::uint64_t bit_guard = 1ULL << 9;       // meaningful only while P = 0
    static constexpr std::uint64_t bit_uffd_wp = 1ULL << 10;
    static constexpr std::uint64_t bit_poisoned = 1ULL << 11;  // meaningful only while P = 0
    static constexpr std::uint64_t bit_no_execute = 1ULL << 63;
    // Meaningful only while P = 0.
    static constexpr std::uint64_t bit_swapped = bit_writable;
    static constexpr std::uint64_t bit_exclusive = bit_user;
    static constexpr std::uint64_t mask_pfn = 0x000f'ffff'ffff'f000ULL;
    // Bits 51..48 of the address: beyond the 48 physical address bits that this machine has (MAXPHYADDR).
    static constexpr std::uint64_t mask_reserved = 0x000f'0000'0000'0000ULL;
    // Bits 20..13 of a large page's address.
    static constexpr std::uint64_t mask_large_reserved = 0x1f'e000ULL;

    std::uint64_t raw_ = 0;
};

static_assert(sizeof(Pte) == 8, "a page table is 512 of these in one frame");

}  // namespace fl::emu
