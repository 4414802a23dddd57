// Moving a page to another frame, under the feet of those who use it (Linux: mm/migrate.c).
#pragma once

#include "mm/physical_memory.hpp"

namespace fl::mm {

// Whether the frame holds a page that can move at all: one of a program's that is found again through its page tables,
// its page cache or its swap slot, and that whoever brought it in is done with. Who locked it (mlock) does not matter.
bool is_movable(const PhysicalMemory& memory, Pfn pfn);
// Somebody beside those holds a reference on a movable page: he knows the frame by its number, as a device would.
bool is_pinned(const PhysicalMemory& memory, Pfn pfn);

enum class Migration : std::uint8_t {
    done,
    refused,  // the page is pinned; nothing has changed
};

// Moves the movable page in `from` to `to`, a frame that its caller took off the buddy allocator: the bytes, and all
// that is known of the page; every entry that maps it, its file's cache, its swap slot and the Reclaimer name the new
// frame afterwards. `from` goes back to the buddy allocator; where the move is refused, `to` does.
Migration migrate_page(PhysicalMemory& memory, Pfn from, Pfn to);

}  // namespace fl::mm
