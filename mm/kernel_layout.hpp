// Where the kernel half of every address space has what (Linux: Documentation/arch/x86/x86_64/mm.rst, four levels,
// without randomisation).
#pragma once

#include "emu/address.hpp"

namespace fl::mm {

// The direct map: all of RAM, in order.
inline constexpr VirtAddr page_offset_base{0xffff'8880'0000'0000};
inline constexpr std::uint64_t direct_map_bytes = std::uint64_t{64} << 40;
// What vmalloc() gathers.
inline constexpr VirtAddr vmalloc_start{0xffff'c900'0000'0000};
inline constexpr VirtAddr vmalloc_end{0xffff'e8ff'ffff'f000};
// The memory map: one struct page (Frame) for each frame.
inline constexpr VirtAddr vmemmap_base{0xffff'ea00'0000'0000};

// Linux: __va() and __pa().
constexpr VirtAddr direct_map_address(PhysAddr address) { return page_offset_base + address.value(); }
constexpr bool is_direct_map_address(VirtAddr address) {
    return address >= page_offset_base && address < page_offset_base + direct_map_bytes;
}
constexpr PhysAddr physical_address(VirtAddr address) {
    FL_ASSERT(is_direct_map_address(address));
    return PhysAddr(address - page_offset_base);
}

}  // namespace fl::mm
