// verify(): recomputes from scratch what the memory manager keeps, and says where the two differ.
#pragma once

#include "mm/file.hpp"
#include "mm/mm_struct.hpp"

#include <span>
#include <string>
#include <vector>

namespace fl::mm {

// One line per broken invariant; empty when all is well. `mms` are all address spaces, `files` all files that exist.
std::vector<std::string> verify(const PhysicalMemory& memory, std::span<const MmStruct* const> mms,
                                std::span<const std::shared_ptr<File>> files);

}  // namespace fl::mm
