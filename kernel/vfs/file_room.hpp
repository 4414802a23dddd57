// What files without a place outside memory may take of it: all of RAM and swap but a part, so that who fills a file
// system is told so before the program has no page left.
#pragma once

#include "mm/file.hpp"

namespace fl::kernel {

struct FileRoom {
    PageCount total;
    PageCount free;
};

// Files that can go to swap count against the limit of user pages, the others do not.
FileRoom file_room(const mm::PhysicalMemory& memory, mm::FileKind kind);

}  // namespace fl::kernel
