// RbTree: an intrusive red-black tree (Cormen et al., ch. 13) whose nodes carry a summary of their subtree
// (Linux: rb_root with rb_augment_callbacks).
//
// Traits says where a node keeps its links and how its summary follows from itself and its children:
//   static RbLinks<Node>& links(Node&)
//   static bool update(Node&)      whether the summary is another than before
// The tree owns nothing and compares nothing: whoever inserts has found the place.
#pragma once

#include "emu/assert.hpp"

#include <cstdint>

namespace fl::mm {

template <class Node>
struct RbLinks {
    Node* parent = nullptr;
    Node* left = nullptr;
    Node* right = nullptr;
    bool red = true;
};

enum class RbSide : std::uint8_t { left, right };

template <class Node, class Traits>
class RbTree {
public:
    RbTree() = default;
    RbTree(const RbTree&) = delete;
    RbTree& operator=(const RbTree&) = delete;

    Node* root() const { return root_; }

    // Hangs `node` below `parent` on a side that is free; nullptr: the tree is empty.
    void insert(Node& node, Node* parent, RbSide side) {
        links(node) = RbLinks<Node>{.parent = parent};
        if (parent == nullptr) {
            FL_ASSERT(root_ == nullptr);
            root_ = &node;
        } else {
            Node*& child = side == RbSide::left ? links(*parent).left : links(*parent).right;
            FL_ASSERT(child == nullptr);
            child = &node;
        }
        Traits::update(node);
        update_upwards(parent);
        fix_after_insert(&node);
    }

    void remove(Node& node) {
        RbLinks<Node>& gone = links(node);
        Node* child = nullptr;
        Node* child_parent = nullptr;
        // The successor's old summary says nothing about its new place: its new parent is looked at in any case.
        const Node* at_least = nullptr;
        bool removed_black = false;
        if (gone.left != nullptr && gone.right != nullptr) {
            // The successor has no left child; it takes this node's place and colour.
            Node* successor = gone.right;
            while (links(*successor).left != nullptr) successor = links(*successor).left;
            RbLinks<Node>& moved = links(*successor);
            child = moved.right;
            removed_black = !moved.red;
            child_parent = successor;
            if (moved.parent != &node) {
                child_parent = moved.parent;
                replace_child(child_parent, successor, child);
                moved.right = gone.right;
                links(*moved.right).parent = successor;
            }
            replace_child(gone.parent, &node, successor);
            moved.left = gone.left;
            links(*moved.left).parent = successor;
            moved.red = gone.red;
            at_least = gone.parent != nullptr ? gone.parent : successor;
        } else {
            child = gone.left != nullptr ? gone.left : gone.right;
            child_parent = gone.parent;
            removed_black = !gone.red;
            replace_child(child_parent, &node, child);
        }
        update_upwards(child_parent, at_least);
        if (removed_black) fix_after_remove(child, child_parent);
        gone = RbLinks<Node>{};
    }

    // After `node`'s own part of the summary changed, or that of a child: up to where nothing changes any more, at
    // least up to `at_least`, an ancestor.
    static void update_upwards(Node* node, const Node* at_least = nullptr) {
        bool may_stop = at_least == nullptr;
        for (; node != nullptr; node = links(*node).parent) {
            may_stop = may_stop || node == at_least;
            if (!Traits::update(*node) && may_stop) return;
        }
    }

private:
    static RbLinks<Node>& links(Node& node) { return Traits::links(node); }
    static bool is_black(Node* node) { return node == nullptr || !links(*node).red; }
    static RbSide opposite(RbSide side) { return side == RbSide::left ? RbSide::right : RbSide::left; }
    static Node*& child_of(Node& node, RbSide side) {
        return side == RbSide::left ? links(node).left : links(node).right;
    }
    static RbSide side_of(Node& parent, const Node* child) {
        return links(parent).left == child ? RbSide::left : RbSide::right;
    }

    void replace_child(Node* parent, Node* old_child, Node* new_child) {
        if (parent == nullptr) {
            root_ = new_child;
        } else {
            child_of(*parent, side_of(*parent, old_child)) = new_child;
        }
        if (new_child != nullptr) links(*new_child).parent = parent;
    }

    // Moves `node` down to `side`; its child on the other side takes its place.
    void rotate(Node& node, RbSide side) {
        Node& pivot = *child_of(node, opposite(side));
        Node* inner = child_of(pivot, side);
        child_of(node, opposite(side)) = inner;
        if (inner != nullptr) links(*inner).parent = &node;
        replace_child(links(node).parent, &node, &pivot);
        child_of(pivot, side) = &node;
        links(node).parent = &pivot;
        Traits::update(node);
        Traits::update(pivot);
    }

    void fix_after_insert(Node* node) {
        while (!is_black(links(*node).parent)) {
            Node* parent = links(*node).parent;
            Node* grandparent = links(*parent).parent;  // exists: a red node is not the root
            const RbSide side = side_of(*grandparent, parent);
            Node* uncle = child_of(*grandparent, opposite(side));
            if (!is_black(uncle)) {
                links(*parent).red = links(*uncle).red = false;
                links(*grandparent).red = true;
                node = grandparent;
                continue;
            }
            if (child_of(*parent, opposite(side)) == node) {
                rotate(*parent, side);
                parent = node;
            }
            links(*parent).red = false;
            links(*grandparent).red = true;
            rotate(*grandparent, opposite(side));
            break;
        }
        links(*root_).red = false;
    }

    void fix_after_remove(Node* node, Node* parent) {
        while (node != root_ && is_black(node)) {
            const RbSide side = side_of(*parent, node);
            Node* sibling = child_of(*parent, opposite(side));  // exists: the black heights were equal
            if (!is_black(sibling)) {
                links(*sibling).red = false;
                links(*parent).red = true;
                rotate(*parent, side);
                sibling = child_of(*parent, opposite(side));
            }
            Node* near = child_of(*sibling, side);
            Node* far = child_of(*sibling, opposite(side));
            if (is_black(near) && is_black(far)) {
                links(*sibling).red = true;
                node = parent;
                parent = links(*node).parent;
                continue;
            }
            if (is_black(far)) {
                links(*near).red = false;
                links(*sibling).red = true;
                rotate(*sibling, opposite(side));
                far = sibling;
                sibling = near;
            }
            links(*sibling).red = links(*parent).red;
            links(*parent).red = false;
            links(*far).red = false;
            rotate(*parent, side);
            node = root_;
        }
        if (node != nullptr) links(*node).red = false;
    }

    Node* root_ = nullptr;
};

}  // namespace fl::mm
