// SlabLayout: where in its part of a slab an object lies, and how large slabs are (Linux: mm/slub.c, calculate_sizes()
// and calculate_order()).
//
// Without checks an object's part is the object alone, and the link to the next free one lies in its middle. With them:
//
//     | red zone | object, poisoned while free | red zone | link | requested bytes | padding |
//     0          red_left                      + inuse    + offset               bytes
//
// Invariants: bytes is a multiple of align; a slab holds at most max_objects.
#pragma once

#include <cstdint>

namespace fl::mm {

enum class SlabChecks : std::uint8_t {
    off,
    full,  // poison and red zones, looked at when an object comes and goes and by inconsistency() (slub_debug=FZP)
};

// Bytes of these values stand where nobody may write (include/linux/poison.h).
inline constexpr std::uint8_t poison_free = 0x6b;   // in an object that nobody has written to
inline constexpr std::uint8_t poison_end = 0xa5;    // its last byte
inline constexpr std::uint8_t red_inactive = 0xbb;  // around a free object
inline constexpr std::uint8_t red_active = 0xcc;    // around one in use

struct SlabLayout {
    static constexpr unsigned costly_order = 3;  // slab_max_order, PAGE_ALLOC_COSTLY_ORDER
    static constexpr unsigned max_objects = 512;

    std::uint32_t object_bytes = 0;  // what the user has (object_size)
    std::uint32_t align = 8;         // a power of two
    SlabChecks checks = SlabChecks::off;
    std::uint32_t red_left = 0;  // bytes before the object (red_left_pad)
    std::uint32_t inuse = 0;     // the object and its red zone, from the object's start
    std::uint32_t offset = 0;    // of the link, from the object's start
    std::uint32_t bytes = 0;     // of an object's part: what /proc/slabinfo calls objsize
    unsigned order = 0;          // frames of a slab: 2^order
    unsigned min_order = 0;      // where that many do not lie side by side

    std::uint32_t objects_in(unsigned slab_order) const;
    // Where the length that was asked for is kept; with checks only.
    std::uint32_t requested_offset() const { return offset + 8; }
};

// `max_order`: slabs are no larger than they must be, or than this.
SlabLayout slab_layout(std::uint32_t object_bytes, std::uint32_t align, SlabChecks checks,
                       unsigned max_order = SlabLayout::costly_order);

}  // namespace fl::mm
