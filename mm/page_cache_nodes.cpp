#include "mm/page_cache_nodes.hpp"

#include "mm/physical_memory.hpp"

#include <bit>

namespace fl::mm {

unsigned PageCacheNodes::levels_for(std::uint64_t page_index) {
    return (static_cast<unsigned>(std::bit_width(page_index)) + bits_per_level - 1) / bits_per_level;
}

std::uint64_t PageCacheNodes::key_of(std::uint64_t page_index, unsigned level) {
    const unsigned bits = level * bits_per_level;
    return bits < 64 ? page_index >> bits : 0;
}

// How many nodes the page brings: those above what is there, and those on its way up to the first that is there.
std::size_t PageCacheNodes::missing_nodes(std::uint64_t page_index) const {
    const unsigned needed = levels_for(page_index);
    const unsigned growth = needed > levels_ ? needed - levels_ : 0;
    std::size_t missing = pages_ > 0 ? growth : 0;
    for (unsigned level = 1; level <= std::max(levels_, needed); ++level) {
        const std::uint64_t key = key_of(page_index, level);
        const bool comes_with_growth = pages_ > 0 && level > levels_ && key == 0;
        if (comes_with_growth || nodes_[level - 1].contains(key)) break;
        ++missing;
    }
    return missing;
}

Result<void> PageCacheNodes::add(std::uint64_t page_index) {
    if (memory_.slab() == nullptr) return {};
    std::vector<SlabObject> objects;
    // Pages of this file may leave for the memory of a node, so that more of them are missing.
    while (objects.size() < missing_nodes(page_index)) {
        auto object = new_kernel_object(memory_, KernelObject::radix_tree_node);
        if (!object) return fail(object.error());
        objects.push_back(std::move(*object));
    }
    commit(page_index, std::move(objects));
    return {};
}

void PageCacheNodes::commit(std::uint64_t page_index, std::vector<SlabObject> objects) {
    const auto take = [&objects] {
        SlabObject object = std::move(objects.back());
        objects.pop_back();
        return object;
    };
    for (; levels_ < levels_for(page_index); ++levels_) {
        // What was the top hangs below the new one.
        if (pages_ > 0) level_map(levels_ + 1).emplace(0, Node{1, take()});
    }
    for (unsigned level = 1; level <= levels_; ++level) {
        const auto [node, is_new] = level_map(level).try_emplace(key_of(page_index, level));
        ++node->second.entries;
        if (!is_new) break;
        node->second.object = take();
    }
    ++pages_;
}

void PageCacheNodes::remove(std::uint64_t page_index) {
    if (memory_.slab() == nullptr) return;
    FL_ASSERT(pages_ > 0);
    for (unsigned level = 1; level <= levels_; ++level) {
        const auto node = level_map(level).find(key_of(page_index, level));
        FL_ASSERT(node != level_map(level).end());
        if (--node->second.entries > 0) break;
        level_map(level).erase(node);
    }
    if (--pages_ == 0) levels_ = 0;
}

std::uint64_t PageCacheNodes::node_count() const {
    std::uint64_t count = 0;
    for (const Level& level : nodes_) count += level.size();
    return count;
}

}  // namespace fl::mm
