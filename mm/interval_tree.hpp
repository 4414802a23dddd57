// IntervalTree: which VMAs hold page i of a file, or of a family of private pages (Linux: mm/interval_tree.c): a
// red-black tree by first page, each node knowing the last page of its subtree.
//
// Invariants: first <= last; a node's interval changes only while it is out of the tree; the tree owns no node.
#pragma once

#include "mm/rb_tree.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace fl::mm {

class Vma;

struct IntervalNode {
    explicit IntervalNode(Vma& owner) : vma(owner) {}

    Vma& vma;
    std::uint64_t first = 0;  // page indices, both ends included
    std::uint64_t last = 0;
    std::uint64_t subtree_last = 0;
    RbLinks<IntervalNode> links;
};

class IntervalTree {
public:
    bool empty() const { return tree_.root() == nullptr; }
    void insert(IntervalNode& node);
    void remove(IntervalNode& node) { tree_.remove(node); }

    // Calls visit(Vma&) for each node that shares a page with [first, last], by rising first page. The visitor leaves
    // the tree as it is.
    template <class Visitor>
    void for_each(std::uint64_t first, std::uint64_t last, Visitor&& visit) const {
        walk(tree_.root(), first, last, visit);
    }

    // Recomputes the summaries; empty when all is well.
    std::optional<std::string> inconsistency() const;

private:
    struct Traits {
        static RbLinks<IntervalNode>& links(IntervalNode& node) { return node.links; }
        static bool update(IntervalNode& node) {
            const std::uint64_t old = std::exchange(node.subtree_last, subtree_last(node));
            return node.subtree_last != old;
        }
    };

    static std::uint64_t subtree_last(const IntervalNode& node) {
        std::uint64_t last = node.last;
        if (node.links.left != nullptr) last = std::max(last, node.links.left->subtree_last);
        if (node.links.right != nullptr) last = std::max(last, node.links.right->subtree_last);
        return last;
    }

    template <class Visitor>
    static void walk(IntervalNode* node, std::uint64_t first, std::uint64_t last, Visitor& visit) {
        if (node == nullptr || node->subtree_last < first) return;
        walk(node->links.left, first, last, visit);
        if (node->first > last) return;
        if (node->last >= first) visit(node->vma);
        walk(node->links.right, first, last, visit);
    }

    RbTree<IntervalNode, Traits> tree_;
};

}  // namespace fl::mm
