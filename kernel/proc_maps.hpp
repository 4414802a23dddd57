// /proc/PID/maps, byte for byte as Linux prints it (fs/proc/task_mmu.c, show_map_vma).
#pragma once

#include "mm/mm_struct.hpp"

#include <string>
#include <string_view>

namespace fl::kernel {

// The page of the legacy vsyscall calls, which belongs to no address space and is executable only (CONFIG_LEGACY_
// VSYSCALL_XONLY): Linux shows it behind the mappings of every process (get_gate_vma).
inline constexpr VirtRange vsyscall_page{VirtAddr(0xffff'ffff'ff60'0000), VirtAddr(0xffff'ffff'ff60'1000)};
inline constexpr mm::VmFlags vsyscall_flags = mm::vm_exec;
inline constexpr std::string_view vsyscall_name = "[vsyscall]";

std::string proc_maps(const mm::MmStruct& mm);

// One line with its end, also the head of each entry of smaps.
void append_maps_line(std::string& text, const mm::MmStruct& mm, const mm::Vma& vma);
// A line of what is no VMA: no file, no offset.
void append_maps_line(std::string& text, VirtRange range, std::string_view protection, std::string_view name);

}  // namespace fl::kernel
