// A look at a program's memory that leaves no trace: no fault, no accessed bit, nothing allocated.
#pragma once

#include "emu/ram.hpp"
#include "mm/mm_struct.hpp"

#include <cstddef>
#include <span>

namespace fl::kernel {

// The bytes at `address` as the program would find them, a page that it never touched included. Returns how many could
// be read: it ends where nothing is mapped.
std::size_t peek_memory(const emu::Ram& ram, const mm::MmStruct& mm, VirtAddr address, std::span<std::byte> into);

}  // namespace fl::kernel
