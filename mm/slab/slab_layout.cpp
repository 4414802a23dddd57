#include "mm/slab/slab_layout.hpp"

#include "emu/address.hpp"

#include <algorithm>
#include <bit>

namespace fl::mm {

namespace {

constexpr std::uint32_t word_bytes = 8;

std::uint32_t aligned(std::uint32_t bytes, std::uint32_t align) { return (bytes + align - 1) & ~(align - 1); }

unsigned order_for(std::uint64_t bytes) {
    const std::uint64_t pages = PageCount::of_bytes(bytes).value();
    return pages <= 1 ? 0 : static_cast<unsigned>(std::bit_width(pages - 1));
}

// The fewest frames, with at least eight objects where they fit (slub_min_objects of one processor), of which a
// sixteenth is lost, or an eighth, ...
unsigned best_order(std::uint32_t bytes, unsigned max_order) {
    constexpr std::uint64_t wanted_objects = 8;
    constexpr std::uint64_t best_fraction = 16;
    const std::uint64_t most = std::max<std::uint64_t>((page_size << max_order) / bytes, 1);
    const unsigned least = order_for(std::min(wanted_objects, most) * bytes);
    for (std::uint64_t fraction = best_fraction; fraction > 1; fraction /= 2) {
        for (unsigned order = least; order <= max_order; ++order) {
            const std::uint64_t slab_bytes = page_size << order;
            if (slab_bytes % bytes <= slab_bytes / fraction) return order;
        }
    }
    return order_for(bytes);
}

}  // namespace

std::uint32_t SlabLayout::objects_in(unsigned slab_order) const {
    return static_cast<std::uint32_t>((page_size << slab_order) / bytes);
}

SlabLayout slab_layout(std::uint32_t object_bytes, std::uint32_t align, SlabChecks checks, unsigned max_order) {
    FL_ASSERT(object_bytes > 0 && std::has_single_bit(align) && align >= word_bytes &&
              max_order <= SlabLayout::costly_order);
    SlabLayout layout{.object_bytes = object_bytes, .align = align, .checks = checks};
    const std::uint32_t words = aligned(object_bytes, word_bytes);
    layout.inuse = words;
    if (checks == SlabChecks::off) {
        layout.offset = words / 2 / word_bytes * word_bytes;
        layout.bytes = aligned(words, align);
    } else {
        // Even an object of whole words has a red zone behind it.
        if (words == object_bytes) layout.inuse += word_bytes;
        layout.offset = layout.inuse;
        layout.red_left = align;
        layout.bytes = aligned(layout.red_left + layout.offset + 2 * word_bytes, align);
    }
    layout.min_order = order_for(layout.bytes);
    layout.order = std::max(best_order(layout.bytes, max_order), layout.min_order);
    FL_ASSERT(layout.objects_in(layout.order) <= SlabLayout::max_objects);
    return layout;
}

}  // namespace fl::mm
