// PageCacheNodes: the nodes that the tree of a file's cached pages takes (Linux: lib/xarray.c): 64 places each, as many
// levels as the largest index needs, none for a file of which only page 0 is cached.
//
// The cache itself is a map of the host's. Invariant: a node stands for each group of 64^level pages, on each level of
// the tree, in which a page is. The tree gets lower only once it is empty.
#pragma once

#include "mm/slab/kernel_object.hpp"

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace fl::mm {

class PageCacheNodes {
public:
    static constexpr unsigned bits_per_level = 6;  // XA_CHUNK_SHIFT

    explicit PageCacheNodes(PhysicalMemory& memory) : memory_(memory) {}
    PageCacheNodes(const PageCacheNodes&) = delete;
    PageCacheNodes& operator=(const PageCacheNodes&) = delete;

    // The page is not in the tree yet. ENOMEM, and then it is not.
    Result<void> add(std::uint64_t page_index);
    // The page is in the tree.
    void remove(std::uint64_t page_index);

    std::uint64_t node_count() const;

private:
    struct Node {
        std::uint32_t entries = 0;
        SlabObject object{};
    };
    static constexpr unsigned max_levels = 11;
    using Level = std::unordered_map<std::uint64_t, Node>;

    static unsigned levels_for(std::uint64_t page_index);
    static std::uint64_t key_of(std::uint64_t page_index, unsigned level);
    Level& level_map(unsigned level) { return nodes_[level - 1]; }
    std::size_t missing_nodes(std::uint64_t page_index) const;
    void commit(std::uint64_t page_index, std::vector<SlabObject> objects);

    PhysicalMemory& memory_;
    std::uint64_t pages_ = 0;
    unsigned levels_ = 0;  // of the tree, the lowest is 1; 0: no node
    std::array<Level, max_levels> nodes_;
};

}  // namespace fl::mm
