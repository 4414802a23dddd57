// HostHeap: how much of the host's memory the emulator's own objects take: tasks, mappings, open files, what waits in
// pipes. A program makes them beside the RAM that it was given, so that somebody has to bound them.
//
// host_heap.cpp takes the place of the C++ library's operators new and delete, and counts.
#pragma once

#include <cstdint>

namespace fl::kernel {

class HostHeap {
public:
    // Bytes that are allocated now, by all threads together. 0 where a sanitizer has its own allocator.
    static std::uint64_t bytes_in_use();
};

}  // namespace fl::kernel
