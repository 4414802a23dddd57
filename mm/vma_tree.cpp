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
    for (const Vma* vma = tree_.root(); vma != nullptr;) {
        if (vma->end() > address) {
            found = vma;
            if (vma->start() <= address) break;
            vma = vma->links_.left;
        } else {
            vma = vma->links_.right;
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
    for (const Vma* vma = tree_.root(); vma != nullptr;) {
        if (vma->start() < address) {
            found = vma;
            vma = vma->links_.right;
        } else {
            vma = vma->links_.left;
        }
    }
    return found;
}

std::vector<VmaTree::Node> VmaTree::nodes() const {
    std::vector<Node> nodes;
    nodes.reserve(count_);
    append_nodes(tree_.root(), 0, Side::root, nodes);
    return nodes;
}

void VmaTree::append_nodes(const Vma* vma, unsigned depth, Side side, std::vector<Node>& nodes) {
    if (vma == nullptr) return;
    append_nodes(vma->links_.left, depth + 1, Side::left, nodes);
    nodes.push_back(Node{vma, depth, side, vma->links_.red ? Colour::red : Colour::black, vma->subtree_gap_});
    append_nodes(vma->links_.right, depth + 1, Side::right, nodes);
}

// --- gaps -------------------------------------------------------------------------------------------------------

VirtAddr VmaTree::gap_start(const Vma& vma) { return vma.previous_ != nullptr ? vma.previous_->end() : VirtAddr(0); }

std::uint64_t VmaTree::own_gap(const Vma& vma) { return vma.start() - gap_start(vma); }

// The start, less the guard that a stack keeps (vm_start_gap).
VirtAddr VmaTree::guarded_start(const Vma& vma) {
    if (!vma.flags().has(vm_growsdown)) return vma.start();
    return VirtAddr(vma.start().value() - std::min(vma.start().value(), stack_guard_gap_bytes));
}

std::uint64_t VmaTree::subtree_gap(const Vma& vma) {
    std::uint64_t gap = vma.gap_;
    if (vma.links_.left != nullptr) gap = std::max(gap, vma.links_.left->subtree_gap_);
    if (vma.links_.right != nullptr) gap = std::max(gap, vma.links_.right->subtree_gap_);
    return gap;
}

std::optional<VmaTree::Fit> VmaTree::highest_fit(const Vma* vma, std::uint64_t size_bytes, VirtRange limits) {
    if (vma == nullptr || vma->subtree_gap_ < size_bytes) return std::nullopt;
    // Gaps of the right subtree start at this VMA's end or above, those of the left one end below its start.
    if (vma->end() < limits.end) {
        if (const auto found = highest_fit(vma->links_.right, size_bytes, limits)) return found;
    }
    const VirtAddr low = std::max(vma->start() - vma->gap_, limits.start);
    const VirtAddr high = std::min(vma->start(), limits.end);
    if (high > low && high - low >= size_bytes) return Fit{high - size_bytes, vma};
    if (vma->start() <= limits.start) return std::nullopt;
    return highest_fit(vma->links_.left, size_bytes, limits);
}

std::optional<VmaTree::Fit> VmaTree::lowest_fit(const Vma* vma, std::uint64_t size_bytes, VirtRange limits) {
    if (vma == nullptr || vma->subtree_gap_ < size_bytes) return std::nullopt;
    if (vma->start() > limits.start) {
        if (const auto found = lowest_fit(vma->links_.left, size_bytes, limits)) return found;
    }
    const VirtAddr low = std::max(vma->start() - vma->gap_, limits.start);
    const VirtAddr high = std::min(vma->start(), limits.end);
    if (high > low && high - low >= size_bytes) return Fit{low, vma};
    if (vma->end() >= limits.end) return std::nullopt;
    return lowest_fit(vma->links_.right, size_bytes, limits);
}

// mm/vma.c, unmapped_area_topdown: where the room found ends inside a guard, the search goes on below the guard, and
// what smaller gaps lie beside it is passed over.
std::optional<VirtAddr> VmaTree::find_gap_top_down(std::uint64_t size_bytes, VirtRange limits) const {
    FL_ASSERT(size_bytes > 0);
    // The space above the last VMA belongs to no node.
    const VirtAddr above = std::max(last_ != nullptr ? last_->end() : VirtAddr(0), limits.start);
    if (above < limits.end && limits.end - above >= size_bytes) return limits.end - size_bytes;
    while (limits.start < limits.end && limits.size_bytes() >= size_bytes) {
        const auto fit = highest_fit(tree_.root(), size_bytes, limits);
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
        const auto fit = lowest_fit(tree_.root(), size_bytes, limits);
        if (!fit) break;
        if (fit->start + size_bytes <= guarded_start(*fit->above)) return fit->start;
        limits.start = fit->above->end();
    }
    const VirtAddr above = std::max(last_ != nullptr ? last_->end() : VirtAddr(0), limits.start);
    if (above < limits.end && limits.end - above >= size_bytes) return above;
    return std::nullopt;
}

// --- nodes ------------------------------------------------------------------------------------------------------

// After its start or its predecessor's end moved; nullptr: nothing to do.
void VmaTree::refresh_gap(Vma* vma) {
    if (vma == nullptr) return;
    vma->gap_ = own_gap(*vma);
    decltype(tree_)::update_upwards(vma);
}

Vma& VmaTree::insert(std::unique_ptr<Vma> owned) {
    Vma* vma = owned.release();
    note_change(vma->range());
    Vma* parent = nullptr;
    RbSide side = RbSide::left;
    Vma* before = nullptr;
    for (Vma* at = tree_.root(); at != nullptr;) {
        parent = at;
        side = at->start() < vma->start() ? RbSide::right : RbSide::left;
        if (side == RbSide::right) before = at;
        at = side == RbSide::right ? at->links_.right : at->links_.left;
    }
    Vma* after = before != nullptr ? before->next_ : first_;
    FL_ASSERT(before == nullptr || before->end() <= vma->start());
    FL_ASSERT(after == nullptr || vma->end() <= after->start());

    vma->previous_ = before;
    vma->next_ = after;
    (before != nullptr ? before->next_ : first_) = vma;
    (after != nullptr ? after->previous_ : last_) = vma;
    ++count_;
    vma->gap_ = own_gap(*vma);
    tree_.insert(*vma, parent, side);
    refresh_gap(after);
    return *vma;
}

std::unique_ptr<Vma> VmaTree::remove(Vma& vma) {
    note_change(vma.range());
    Vma* after = vma.next_;
    (vma.previous_ != nullptr ? vma.previous_->next_ : first_) = vma.next_;
    (after != nullptr ? after->previous_ : last_) = vma.previous_;
    if (last_hit_ == &vma) last_hit_ = nullptr;
    --count_;
    tree_.remove(vma);
    refresh_gap(after);
    vma.next_ = vma.previous_ = nullptr;
    return std::unique_ptr<Vma>(&vma);
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
    note_change(vma.range());
    note_change(range);
    vma.range_ = range;
    refresh_gap(&vma);
    refresh_gap(vma.next_);
}

// --- self-check ---------------------------------------------------------------------------------------------------

std::optional<std::string> VmaTree::inconsistency() const {
    std::optional<std::string> wrong;
    std::size_t visited = 0;
    const Vma* previous = nullptr;
    // Returns the black height of the subtree.
    const auto check = [&](auto&& self, const Vma* vma, const Vma* parent) -> int {
        if (vma == nullptr || wrong.has_value()) return 0;
        const int left_height = self(self, vma->links_.left, vma);
        const auto complain = [&](const char* what) {
            if (!wrong) wrong = "vma tree: " + std::string(what) + " at " + std::to_string(vma->start().value());
        };
        if (vma->links_.parent != parent) complain("wrong parent");
        if (vma->previous_ != previous) complain("wrong predecessor");
        if (previous != nullptr && previous->next_ != vma) complain("wrong successor");
        if (previous != nullptr && previous->end() > vma->start()) complain("overlap");
        if (vma->start() >= vma->end()) complain("empty range");
        if (vma->links_.red && parent != nullptr && parent->links_.red) complain("red below red");
        if (vma->gap_ != own_gap(*vma)) complain("wrong gap");
        if (vma->subtree_gap_ != subtree_gap(*vma)) complain("wrong subtree gap");
        previous = vma;
        ++visited;
        const int right_height = self(self, vma->links_.right, vma);
        if (left_height != right_height) complain("unequal black heights");
        return left_height + (vma->links_.red ? 0 : 1);
    };
    check(check, tree_.root(), nullptr);
    if (wrong) return wrong;
    if (visited != count_) return "vma tree: " + std::to_string(visited) + " nodes, count " + std::to_string(count_);
    if (last_ != previous || (first_ != nullptr && first_->previous_ != nullptr)) return "vma tree: broken list ends";
    return std::nullopt;
}

}  // namespace fl::mm
