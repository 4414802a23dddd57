// An address space from the inside: mm_struct with all its fields, every vm_area_struct of the list, the tree, and
// under each VMA what /proc/PID/maps says of it. For people: `faultline run --dump-mm`.
#pragma once

#include "mm/mm_struct.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fl::kernel {

// `title` is the first line: which process, and when.
std::string dump_mm(const mm::MmStruct& mm, std::uint32_t pid, std::string_view title);

// The text of maps, line by line, against the list of VMAs, field by field; then the tree against the list. One line
// for each difference, empty where all three agree.
std::vector<std::string> compare_views(const mm::MmStruct& mm, std::string_view maps);

}  // namespace fl::kernel
