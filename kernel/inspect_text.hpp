// What the views of inspect_*.cpp share: how they spell things.
#pragma once

#include "kernel/inspection.hpp"
#include "mm/vma.hpp"

#include <optional>
#include <string>

namespace fl::kernel {

// Without the blanks at the end of the last line.
void end_line(std::string& text);

// "3 pages", "1 page".
std::string counted(std::uint64_t count, const char* what);
// "0x400000-0x402000".
std::string range_text(VirtRange range);
// "0x12" or "0x12-0x15": the last is part of it.
std::string frames_text(std::uint64_t first, std::uint64_t last);
// The name that maps shows, on one line; "anonymous" where it shows none.
std::string vma_text(const mm::MmStruct& mm, const mm::Vma& vma);
// "anonymous", "file", "page table", ...
const char* frame_state_name(mm::FrameState state);
// The file that a frame is a page of; nullptr: it is none.
const mm::File* file_of(const mm::Frame& frame);

// Where a frame of a user page is mapped first.
struct MappedAt {
    std::uint32_t pid;
    VirtAddr address;
    friend bool operator==(const MappedAt&, const MappedAt&) = default;
};
std::vector<MappedAt> mappings_of(const Inspection& machine, Pfn pfn);

// ADELS: accessed and dirty (by some entry, or by the kernel), exclusive, lazily free, in a swap slot as well.
std::string frame_letters(const mm::PhysicalMemory& memory, Pfn pfn);
inline constexpr const char* frame_letters_legend =
    "A accessed, D dirty, E exclusive to one entry, L lazily free (MADV_FREE), S has a swap slot as well";

}  // namespace fl::kernel
