#include "mm/vma_tree.hpp"

#include <algorithm>
#include <utility>

namespace fl::mm {

VmaTree::~VmaTree() {
    for (Vma* vma = first_; vma != nullptr;) delete std::exchange(vma, vma->next_);
}

const Vma* VmaTree::find(VirtAddr address) const {
    ++cache_counters_.lookups;
    if (last_hit_ != nullptr && last_hit_->range_.contains(address)) {
        ++cache_counters_.hits;
        return last_hit_;
    }
    const Vma* found = nullptr;
    for (const Vma* vma = root_; vma != nullptr;) {
        if (vma->end() > address) {
            found = vma;
            if (vma->start() <= address) break;
            vma = vma->left_;
        } else {
            vma = vma->right_;
        }
    }
    if (found != nullptr) last_hit_ = found;
    return found;
}

Vma* VmaTree::find_intersection(VirtRange range) {
    Vma* vma = find(range.start);
    return vma != nullptr && vma->start() < range.end ? vma : nullptr;
}

const Vma* VmaTree::find_previous(VirtAddr address) const {
    const Vma* found = nullptr;
    for (const Vma* vma = root_; vma != nullptr;) {
        if (vma->start() < address) {
            found = vma;
            vma = vma->right_;
        } else {
            vma = vma->left_;
        }
    }
    return found;
}

std::vector<VmaTree::Node> VmaTree::nodes() const {
    std::vector<Node> nodes;
    nodes.reserve(count_);
    append_nodes(root_, 0, Side::root, nodes);
    return nodes;
}

void VmaTree::append_nodes(const Vma* vma, unsigned depth, Side side, std::vector<Node>& nodes) {
    if (vma == nullptr) return;
    append_nodes(vma->left_, depth + 1, Side::left, nodes);
    nodes.push_back(Node{vma, depth, side, vma->red_ ? Colour::red : Colour::black, vma->subtree_gap_});
    append_nodes(vma->right_, depth + 1, Side::right, nodes);
}

// --- gaps -------------------------------------------------------------------------------------------------------

VirtAddr VmaTree::gap_start(const Vma& vma) { return vma.previous_ != nullptr ? vma.previous_->end() : VirtAddr(0); }

std::uint64_t VmaTree::own_gap(const Vma& vma) { return vma.start() - gap_start(vma); }

// The start, less the guard that a stack keeps (vm_start_gap).
VirtAddr VmaTree::guarded_start(const Vma& vma) {
    if (!vma.flags().has(vm_growsdown)) return vma.start();
    return VirtAddr(vma.start().value() - std::min(vma.start().value(), stack_guard_gap_bytes));
}

void VmaTree::update_gap(Vma& vma) {
    std::uint64_t gap = own_gap(vma);
    if (vma.left_ != nullptr) gap = std::max(gap, vma.left_->subtree_gap_);
    if (vma.right_ != nullptr) gap = std::max(gap, vma.right_->subtree_gap_);
    vma.subtree_gap_ = gap;
}

void VmaTree::update_gaps_upwards(Vma* vma) {
    for (; vma != nullptr; vma = vma->parent_) update_gap(*vma);
}

std::optional<VmaTree::Fit> VmaTree::highest_fit(const Vma* vma, std::uint64_t size_bytes, VirtRange limits) {
    if (vma == nullptr || vma->subtree_gap_ < size_bytes) return std::nullopt;
    // Gaps of the right subtree start at this VMA's end or above, those of the left one end below its start.
    if (vma->end() < limits.end) {
        if (const auto found = highest_fit(vma->right_, size_bytes, limits)) return found;
    }
    const VirtAddr low = std::max(gap_start(*vma), limits.start);
    const VirtAddr high = std::min(vma->start(), limits.end);
    if (high > low && high - low >= size_bytes) return Fit{high - size_bytes, vma};
    if (vma->start() <= limits.start) return std::nullopt;
    return highest_fit(vma->left_, size_bytes, limits);
}

std::optional<VmaTree::Fit> VmaTree::lowest_fit(const Vma* vma, std::uint64_t size_bytes, VirtRange limits) {
    if (vma == nullptr || vma->subtree_gap_ < size_bytes) return std::nullopt;
    if (vma->start() > limits.start) {
        if (const auto found = lowest_fit(vma->left_, size_bytes, limits)) return found;
    }
    const VirtAddr low = std::max(gap_start(*vma), limits.start);
    const VirtAddr high = std::min(vma->start(), limits.end);
    if (high > low && high - low >= size_bytes) return Fit{low, vma};
    if (vma->end() >= limits.end) return std::nullopt;
    return lowest_fit(vma->right_, size_bytes, limits);
}

// mm/vma.c, unmapped_area_topdown: where the room found ends inside a guard, the search goes on below the guard, and
// what smaller gaps lie beside it is passed over.
std::optional<VirtAddr> VmaTree::find_gap_top_down(std::uint64_t size_bytes, VirtRange limits) const {
    FL_ASSERT(size_bytes > 0);
    // The space above the last VMA belongs to no node.
    const VirtAddr above = std::max(last_ != nullptr ? last_->end() : VirtAddr(0), limits.start);
    if (above < limits.end && limits.end - above >= size_bytes) return limits.end - size_bytes;
    while (limits.start < limits.end && limits.size_bytes() >= size_bytes) {
        const auto fit = highest_fit(root_, size_bytes, limits);
        if (!fit) return std::nullopt;
        if (fit->start + size_bytes <= guarded_start(*fit->above)) return fit->start;
        limits.end = guarded_start(*fit->above);
    }
    return std::nullopt;
}

// mm/vma.c, unmapped_area.
std::optional<VirtAddr> VmaTree::find_gap_bottom_up(std::uint64_t size_bytes, VirtRange limits) const {
    FL_ASSERT(size_bytes > 0);
    while (limits.start < limits.end && limits.size_bytes() >= size_bytes) {
        const auto fit = lowest_fit(root_, size_bytes, limits);
        if (!fit) break;
        if (fit->start + size_bytes <= guarded_start(*fit->above)) return fit->start;
        limits.start = fit->above->end();
    }
    const VirtAddr above = std::max(last_ != nullptr ? last_->end() : VirtAddr(0), limits.start);
    if (above < limits.end && limits.end - above >= size_bytes) return above;
    return std::nullopt;
}

// --- the red-black tree (Cormen et al., 13.2 to 13.4) -------------------------------------------------------------

void VmaTree::replace_child(Vma* parent, Vma* old_child, Vma* new_child) {
    if (parent == nullptr) {
        root_ = new_child;
    } else if (parent->left_ == old_child) {
        parent->left_ = new_child;
    } else {
        parent->right_ = new_child;
    }
    if (new_child != nullptr) new_child->parent_ = parent;
}

void VmaTree::rotate_left(Vma& vma) {
    Vma& pivot = *vma.right_;
    vma.right_ = pivot.left_;
    if (pivot.left_ != nullptr) pivot.left_->parent_ = &vma;
    replace_child(vma.parent_, &vma, &pivot);
    pivot.left_ = &vma;
    vma.parent_ = &pivot;
    update_gap(vma);
    update_gap(pivot);
}

void VmaTree::rotate_right(Vma& vma) {
    Vma& pivot = *vma.left_;
    vma.left_ = pivot.right_;
    if (pivot.right_ != nullptr) pivot.right_->parent_ = &vma;
    replace_child(vma.parent_, &vma, &pivot);
    pivot.right_ = &vma;
    vma.parent_ = &pivot;
    update_gap(vma);
    update_gap(pivot);
}

Vma& VmaTree::insert(std::unique_ptr<Vma> owned) {
    Vma* vma = owned.release();
    Vma* parent = nullptr;
    Vma** link = &root_;
    Vma* before = nullptr;
    while (*link != nullptr) {
        parent = *link;
        if (parent->start() < vma->start()) {
            before = parent;
            link = &parent->right_;
        } else {
            link = &parent->left_;
        }
    }
    Vma* after = before != nullptr ? before->next_ : first_;
    FL_ASSERT(before == nullptr || before->end() <= vma->start());
    FL_ASSERT(after == nullptr || vma->end() <= after->start());

    *link = vma;
    vma->parent_ = parent;
    vma->left_ = vma->right_ = nullptr;
    vma->red_ = true;
    vma->previous_ = before;
    vma->next_ = after;
    (before != nullptr ? before->next_ : first_) = vma;
    (after != nullptr ? after->previous_ : last_) = vma;
    ++count_;

    update_gaps_upwards(vma);
    if (after != nullptr) update_gaps_upwards(after);
    fix_after_insert(vma);
    return *vma;
}

void VmaTree::fix_after_insert(Vma* vma) {
    while (vma->parent_ != nullptr && vma->parent_->red_) {
        Vma* parent = vma->parent_;
        Vma* grandparent = parent->parent_;  // exists: a red node is not the root
        const bool parent_is_left = grandparent->left_ == parent;
        Vma* uncle = parent_is_left ? grandparent->right_ : grandparent->left_;
        if (uncle != nullptr && uncle->red_) {
            parent->red_ = uncle->red_ = false;
            grandparent->red_ = true;
            vma = grandparent;
            continue;
        }
        if (parent_is_left && parent->right_ == vma) {
            rotate_left(*parent);
            parent = vma;
        } else if (!parent_is_left && parent->left_ == vma) {
            rotate_right(*parent);
            parent = vma;
        }
        parent->red_ = false;
        grandparent->red_ = true;
        if (parent_is_left) {
            rotate_right(*grandparent);
        } else {
            rotate_left(*grandparent);
        }
        break;
    }
    root_->red_ = false;
}

std::unique_ptr<Vma> VmaTree::remove(Vma& vma) {
    Vma* child = nullptr;
    Vma* child_parent = nullptr;
    bool removed_black = false;
    if (vma.left_ != nullptr && vma.right_ != nullptr) {
        // The successor has no left child; it takes this node's place and colour.
        Vma* successor = vma.right_;
        while (successor->left_ != nullptr) successor = successor->left_;
        child = successor->right_;
        removed_black = !successor->red_;
        if (successor->parent_ == &vma) {
            child_parent = successor;
        } else {
            child_parent = successor->parent_;
            replace_child(child_parent, successor, child);
            successor->right_ = vma.right_;
            successor->right_->parent_ = successor;
        }
        replace_child(vma.parent_, &vma, successor);
        successor->left_ = vma.left_;
        successor->left_->parent_ = successor;
        successor->red_ = vma.red_;
    } else {
        child = vma.left_ != nullptr ? vma.left_ : vma.right_;
        child_parent = vma.parent_;
        removed_black = !vma.red_;
        replace_child(child_parent, &vma, child);
    }

    (vma.previous_ != nullptr ? vma.previous_->next_ : first_) = vma.next_;
    (vma.next_ != nullptr ? vma.next_->previous_ : last_) = vma.previous_;
    if (last_hit_ == &vma) last_hit_ = nullptr;
    --count_;

    update_gaps_upwards(child_parent);
    if (vma.next_ != nullptr) update_gaps_upwards(vma.next_);
    if (removed_black) fix_after_remove(child, child_parent);
    vma.parent_ = vma.left_ = vma.right_ = vma.next_ = vma.previous_ = nullptr;
    return std::unique_ptr<Vma>(&vma);
}

void VmaTree::fix_after_remove(Vma* vma, Vma* parent) {
    const auto is_black = [](const Vma* node) { return node == nullptr || !node->red_; };
    while (vma != root_ && is_black(vma)) {
        const bool is_left = parent->left_ == vma;
        Vma* sibling = is_left ? parent->right_ : parent->left_;  // exists: the black heights were equal
        if (sibling->red_) {
            sibling->red_ = false;
            parent->red_ = true;
            is_left ? rotate_left(*parent) : rotate_right(*parent);
            sibling = is_left ? parent->right_ : parent->left_;
        }
        Vma* near = is_left ? sibling->left_ : sibling->right_;
        Vma* far = is_left ? sibling->right_ : sibling->left_;
        if (is_black(near) && is_black(far)) {
            sibling->red_ = true;
            vma = parent;
            parent = vma->parent_;
            continue;
        }
        if (is_black(far)) {
            near->red_ = false;
            sibling->red_ = true;
            is_left ? rotate_right(*sibling) : rotate_left(*sibling);
            far = sibling;
            sibling = near;
        }
        sibling->red_ = parent->red_;
        parent->red_ = false;
        far->red_ = false;
        is_left ? rotate_left(*parent) : rotate_right(*parent);
        vma = root_;
    }
    if (vma != nullptr) vma->red_ = false;
}

void VmaTree::resize(Vma& vma, VirtRange range) {
    FL_ASSERT(range.start < range.end && range.start.page_aligned() && range.end.page_aligned());
    FL_ASSERT(vma.previous_ == nullptr || vma.previous_->end() <= range.start);
    FL_ASSERT(vma.next_ == nullptr || range.end <= vma.next_->start());
    if (range.start > vma.start()) {
        vma.content_.pgoff += (range.start - vma.start()) >> page_shift;
    } else {
        vma.content_.pgoff -= (vma.start() - range.start) >> page_shift;
    }
    vma.range_ = range;
    update_gaps_upwards(&vma);
    if (vma.next_ != nullptr) update_gaps_upwards(vma.next_);
}

// --- self-check ---------------------------------------------------------------------------------------------------

std::optional<std::string> VmaTree::inconsistency() const {
    std::optional<std::string> wrong;
    std::size_t visited = 0;
    const Vma* previous = nullptr;
    // Returns the black height of the subtree.
    const auto check = [&](auto&& self, const Vma* vma, const Vma* parent) -> int {
        if (vma == nullptr || wrong.has_value()) return 0;
        const int left_height = self(self, vma->left_, vma);
        const auto complain = [&](const char* what) {
            if (!wrong) wrong = "vma tree: " + std::string(what) + " at " + std::to_string(vma->start().value());
        };
        if (vma->parent_ != parent) complain("wrong parent");
        if (vma->previous_ != previous) complain("wrong predecessor");
        if (previous != nullptr && previous->next_ != vma) complain("wrong successor");
        if (previous != nullptr && previous->end() > vma->start()) complain("overlap");
        if (vma->start() >= vma->end()) complain("empty range");
        if (vma->red_ && parent != nullptr && parent->red_) complain("red below red");
        std::uint64_t gap = own_gap(*vma);
        if (vma->left_ != nullptr) gap = std::max(gap, vma->left_->subtree_gap_);
        if (vma->right_ != nullptr) gap = std::max(gap, vma->right_->subtree_gap_);
        if (vma->subtree_gap_ != gap) complain("wrong subtree gap");
        previous = vma;
        ++visited;
        const int right_height = self(self, vma->right_, vma);
        if (left_height != right_height) complain("unequal black heights");
        return left_height + (vma->red_ ? 0 : 1);
    };
    check(check, root_, nullptr);
    if (wrong) return wrong;
    if (visited != count_) return "vma tree: " + std::to_string(visited) + " nodes, count " + std::to_string(count_);
    if (last_ != previous || (first_ != nullptr && first_->previous_ != nullptr)) return "vma tree: broken list ends";
    return std::nullopt;
}

}  // namespace fl::mm
