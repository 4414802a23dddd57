// Views on a machine that stands still, as text for people: `faultline inspect`.
//
// Each view is one function and one file's affair (inspect_*.cpp). Numbers of frames and addresses are hexadecimal,
// counts are decimal; ranges of addresses are [start, end) as in /proc/PID/maps, ranges of frames, slots and table
// indices name the last one. A text ends with a new line. Names of files are what the host has: who shows them to a
// terminal makes them printable.
#pragma once

#include "kernel/inspection.hpp"

#include <string>

namespace fl::kernel {

// --- of one process
// Every mapping with its size, and how much of it is in memory and in swap.
std::string show_maps(const InspectedProcess& process);
// Every table of every level, and below those of the last level runs of entries that are alike and whose frames follow
// each other.
std::string show_page_table(const InspectedProcess& process);
// One line for each level, what the walk ends in, and what an access would lead to. Any address.
std::string show_walk(const Inspection& machine, const InspectedProcess& process, VirtAddr address);

// --- of the machine
// The frame table: runs of frames with the same use.
std::string show_frames(const Inspection& machine);
// From the frames of user pages to who maps them, as reclaim goes.
std::string show_rmap(const Inspection& machine);
// One physical address: what its frame is, and every virtual address that leads to it, found in all page tables.
std::string show_physical(const Inspection& machine, PhysAddr address);
// The kernel half: what is mapped there and how, and who shares it.
std::string show_kernel_space(const mm::PhysicalMemory& memory);
// The free blocks of each order, and how fragmented free memory is.
std::string show_buddy(const mm::PhysicalMemory& memory);
// The caches of the slab allocator that have a slab, and what of them is used.
std::string show_slab(const mm::PhysicalMemory& memory);
// Slots in use: references, the frame where the page is in memory as well, and who names the slot.
std::string show_swap(const Inspection& machine);
// The kernel's log, as dmesg(1) prints it.
std::string show_log(const Inspection& machine);
// What the replacement policy says for itself and of each page.
std::string show_lists(const Inspection& machine);

}  // namespace fl::kernel
