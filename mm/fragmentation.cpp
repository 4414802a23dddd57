#include "mm/fragmentation.hpp"

namespace fl::mm {

namespace {

constexpr std::uint64_t one = 1000;

// struct contig_page_info.
struct FreeMemory {
    std::uint64_t pages = 0;
    std::uint64_t blocks = 0;
    std::uint64_t suitable_blocks = 0;  // of the order asked for that are there, or could be split off
};

FreeMemory free_memory(const BuddyAllocator& buddy, unsigned suitable_order) {
    FreeMemory memory;
    const auto free_blocks = buddy.free_blocks();
    for (unsigned order = 0; order < BuddyAllocator::order_count; ++order) {
        const std::uint64_t blocks = free_blocks.at(order);
        memory.blocks += blocks;
        memory.pages += blocks << order;
        if (order >= suitable_order) memory.suitable_blocks += blocks << (order - suitable_order);
    }
    return memory;
}

}  // namespace

int fragmentation_index(const BuddyAllocator& buddy, unsigned order) {
    const FreeMemory free = free_memory(buddy, order);
    if (free.blocks == 0) return 0;
    if (free.suitable_blocks > 0) return -static_cast<int>(one);
    const std::uint64_t requested = std::uint64_t{1} << order;
    const std::uint64_t for_want_of_memory = (one + free.pages * one / requested) / free.blocks;
    return static_cast<int>(one) - static_cast<int>(for_want_of_memory);
}

int unusable_free_index(const BuddyAllocator& buddy, unsigned order) {
    const FreeMemory free = free_memory(buddy, order);
    if (free.pages == 0) return static_cast<int>(one);
    return static_cast<int>((free.pages - (free.suitable_blocks << order)) * one / free.pages);
}

}  // namespace fl::mm
