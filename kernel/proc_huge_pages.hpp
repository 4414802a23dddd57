// /sys/kernel/mm/transparent_hugepage (Linux: mm/huge_memory.c, mm/khugepaged.c).
#pragma once

#include "kernel/procfs.hpp"

namespace fl::kernel {

void add_huge_page_files(ProcFs& proc);

}  // namespace fl::kernel
