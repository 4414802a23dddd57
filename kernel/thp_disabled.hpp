// What PR_SET_THP_DISABLE asks of a process's address space.
#pragma once

#include "kernel/task.hpp"
#include "mm/mm_struct.hpp"

namespace fl::kernel {

inline mm::MmStruct::ThpDisabled thp_disabled(const Process& process) {
    using mm::MmStruct;
    if (process.huge_pages_disabled == 0) return MmStruct::ThpDisabled::no;
    return process.huge_pages_disabled == 1 ? MmStruct::ThpDisabled::yes : MmStruct::ThpDisabled::unless_advised;
}

}  // namespace fl::kernel
