#include "mm/interval_tree.hpp"

namespace fl::mm {

void IntervalTree::insert(IntervalNode& node) {
    FL_ASSERT(node.first <= node.last);
    IntervalNode* parent = nullptr;
    RbSide side = RbSide::left;
    for (IntervalNode* at = tree_.root(); at != nullptr;) {
        parent = at;
        side = node.first < at->first ? RbSide::left : RbSide::right;
        at = side == RbSide::left ? at->links.left : at->links.right;
    }
    tree_.insert(node, parent, side);
}

std::optional<std::string> IntervalTree::inconsistency() const {
    std::optional<std::string> wrong;
    std::optional<std::uint64_t> previous;
    const auto check = [&](auto&& self, const IntervalNode* node) -> void {
        if (node == nullptr || wrong) return;
        self(self, node->links.left);
        if (node->first > node->last) wrong = "interval tree: an empty interval";
        if (previous && *previous > node->first) wrong = "interval tree: out of order";
        if (node->subtree_last != subtree_last(*node)) wrong = "interval tree: wrong last page of a subtree";
        previous = node->first;
        self(self, node->links.right);
    };
    check(check, tree_.root());
    return wrong;
}

}  // namespace fl::mm
