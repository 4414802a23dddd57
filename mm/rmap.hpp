// The way back from a frame to the PTEs that map it (Linux: mm/rmap.c), and what is done to all of them at once.
#pragma once

#include "mm/physical_memory.hpp"

#include <functional>

namespace fl::emu {
class Pte;
}

namespace fl::mm {

class File;
class Vma;

// Calls visit for each entry that maps `pfn`, a frame of a user page: as often as its map_count says; a large one maps
// 511 others as well. `address` is that of the 4 KiB page. The visitor may change the entry, and leaves the VMAs as
// they are.
using MappingVisitor = std::function<void(Vma& vma, VirtAddr address, emu::Pte& slot)>;
void for_each_mapping(const PhysicalMemory& memory, Pfn pfn, const MappingVisitor& visit);

enum class Cleaned : std::uint8_t { was_clean, was_dirty };

// Takes the D bit and the right to write from every shared mapping of a file's page, so that the next write to it is a
// fault again (folio_mkclean). Says whether one of them was dirty.
Cleaned clean_mappings(const PhysicalMemory& memory, Pfn pfn);

enum class PrivateCopies : std::uint8_t { keep, unmap };

// Takes the pages [first_page, end_page) of a file out of every address space (unmap_mapping_range).
void unmap_file_pages(File& file, std::uint64_t first_page, std::uint64_t end_page, PrivateCopies copies);

}  // namespace fl::mm
