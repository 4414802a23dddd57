// MemorySample: how memory is used at one moment, by the machine and by each process.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace fl::mm {

// Of one process that has an address space. Numbers are pages.
struct ProcessMemory {
    std::uint32_t pid = 0;
    // RSS by kind, as in /proc/PID/status; the shared page of zeroes does not count.
    std::uint64_t anonymous = 0;
    std::uint64_t file = 0;
    std::uint64_t shared_memory = 0;
    std::uint64_t swap = 0;         // entries that name swap slots
    std::uint64_t page_tables = 0;  // of all levels, the root included
    friend bool operator==(const ProcessMemory&, const ProcessMemory&) = default;
};

struct MemorySample {
    std::uint64_t time_ns = 0;
    std::uint64_t free_frames = 0;
    std::uint64_t user_frames = 0;  // that hold pages of programs and files
    std::uint64_t used_swap_slots = 0;
    std::array<std::uint64_t, 11> free_blocks{};  // of the buddy allocator, by order: 2^0 to 2^10 frames
    std::vector<ProcessMemory> processes;         // by pid
    friend bool operator==(const MemorySample&, const MemorySample&) = default;
};

}  // namespace fl::mm
