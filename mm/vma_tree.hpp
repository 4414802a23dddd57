// VmaTree: the VMAs of one address space: a red-black tree by address, augmented with the largest gap below each node
// (Linux's rb_subtree_gap, mm/mmap.c before 6.1), threaded in address order, with a cache of the last hit.
//
// Invariants: VMAs are disjoint and sorted; the tree owns its nodes; find, insert, remove and the gap searches are
// O(log n).
#pragma once

#include "mm/vma.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fl::mm {

// A VM_GROWSDOWN VMA keeps this much free below it (Linux: stack_guard_gap).
inline constexpr std::uint64_t stack_guard_gap_bytes = 256 * page_size;

class VmaTree {
public:
    VmaTree() = default;
    VmaTree(const VmaTree&) = delete;
    VmaTree& operator=(const VmaTree&) = delete;
    ~VmaTree();

    // The first VMA that ends above `address` (find_vma); nullptr where there is none. It may start above `address`.
    const Vma* find(VirtAddr address) const;
    Vma* find(VirtAddr address) { return const_cast<Vma*>(std::as_const(*this).find(address)); }
    // The first VMA that shares a byte with `range`.
    Vma* find_intersection(VirtRange range);
    // The last VMA that starts below `address`.
    const Vma* find_previous(VirtAddr address) const;

    const Vma* first() const { return first_; }
    const Vma* last() const { return last_; }
    std::size_t count() const { return count_; }

    // The VMA's range overlaps no other.
    Vma& insert(std::unique_ptr<Vma> owned);
    std::unique_ptr<Vma> remove(Vma& vma);
    // Moves the bounds of a VMA without passing a neighbour; pgoff follows start.
    void resize(Vma& vma, VirtRange range);

    // The highest (lowest) room for `size_bytes` inside `limits` that stays out of stacks' guards, as Linux searches
    // it; its start.
    std::optional<VirtAddr> find_gap_top_down(std::uint64_t size_bytes, VirtRange limits) const;
    std::optional<VirtAddr> find_gap_bottom_up(std::uint64_t size_bytes, VirtRange limits) const;

    // Where VMAs have come, gone or changed since the last call, and what lies between; empty: nowhere.
    VirtRange take_changes() { return std::exchange(changes_, VirtRange{}); }
    void note_change(VirtRange range) {
        changes_ = changes_.empty()
                       ? range
                       : VirtRange{std::min(changes_.start, range.start), std::max(changes_.end, range.end)};
    }

    // Recomputes everything; empty when all is well.
    std::optional<std::string> inconsistency() const;

    // One VMA as it hangs in the tree now.
    enum class Colour : std::uint8_t { red, black };
    enum class Side : std::uint8_t { root, left, right };
    struct Node {
        const Vma* vma;
        unsigned depth;  // 0: the root
        Side side;       // of its parent
        Colour colour;
        std::uint64_t subtree_gap_bytes;  // rb_subtree_gap
    };
    // In address order.
    std::vector<Node> nodes() const;

    // Calls of find(), and how many of them the last hit answered.
    struct CacheCounters {
        std::uint64_t lookups = 0;
        std::uint64_t hits = 0;
    };
    const CacheCounters& cache_counters() const { return cache_counters_; }
    // nullptr: none since the last one was removed.
    const Vma* last_hit() const { return last_hit_; }

private:
    struct Fit {
        VirtAddr start;
        const Vma* above;  // ends the gap
    };

    static VirtAddr guarded_start(const Vma& vma);
    static VirtAddr gap_start(const Vma& vma);
    static std::uint64_t own_gap(const Vma& vma);
    void refresh_gap(Vma* vma);
    static void append_nodes(const Vma* vma, unsigned depth, Side side, std::vector<Node>& nodes);
    static std::uint64_t subtree_gap(const Vma& vma);
    static std::optional<Fit> highest_fit(const Vma* vma, std::uint64_t size_bytes, VirtRange limits);
    static std::optional<Fit> lowest_fit(const Vma* vma, std::uint64_t size_bytes, VirtRange limits);

    struct Traits {
        static RbLinks<Vma>& links(Vma& vma) { return vma.links_; }
        static bool update(Vma& vma) {
            const std::uint64_t old = std::exchange(vma.subtree_gap_, subtree_gap(vma));
            return vma.subtree_gap_ != old;
        }
    };

    RbTree<Vma, Traits> tree_;
    Vma* first_ = nullptr;
    Vma* last_ = nullptr;
    std::size_t count_ = 0;
    VirtRange changes_{};
    mutable const Vma* last_hit_ = nullptr;
    mutable CacheCounters cache_counters_;
};

}  // namespace fl::mm
