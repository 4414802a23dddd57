// AnonVma: a family of VMAs among whose pages the private copies of one ancestor may be found (Linux: mm/rmap.c, struct
// anon_vma). A VMA belongs to its own family and to those of the VMAs that it was forked from: its anon_vma_chain.
//
// Invariants: every VMA that may map a frame anchored to a family is in the family's tree, under the page indices of
// the VMA; a family lives for as long as a VMA is chained to it or a child family refers to it.
#pragma once

#include "mm/interval_tree.hpp"
#include "mm/slab/kmem_cache.hpp"

#include <memory>
#include <vector>

namespace fl::mm {

class AnonVma {
public:
    // A family without a parent counts itself as its child, as on Linux, so that a lone fork does not reuse it.
    AnonVma() : child_count_(1) {}
    explicit AnonVma(std::shared_ptr<AnonVma> parent) : parent_(std::move(parent)) { ++parent_->child_count_; }
    AnonVma(const AnonVma&) = delete;
    AnonVma& operator=(const AnonVma&) = delete;
    ~AnonVma() {
        FL_ASSERT(vmas_.empty() && active_vma_count_ == 0);
        if (parent_) --parent_->child_count_;
    }

    // The eldest ancestor: every VMA of all its descendants is among its own.
    AnonVma& root() {
        AnonVma* family = this;
        while (family->parent_) family = family->parent_.get();
        return *family;
    }

    // nullptr: it has none.
    const AnonVma* parent() const { return parent_.get(); }

    IntervalTree& vmas() { return vmas_; }
    const IntervalTree& vmas() const { return vmas_; }

    // What it takes of the machine's memory.
    void hold(SlabObject object) { object_ = std::move(object); }
    bool is_accounted() const { return static_cast<bool>(object_); }

    // VMAs whose own family this is.
    void add_active_vma() { ++active_vma_count_; }
    void drop_active_vma() { --active_vma_count_; }
    // No VMA calls it its own any more and at most one family descends from it: a forked VMA may take it over instead
    // of starting one more (anon_vma_clone).
    bool can_be_taken_over() const { return child_count_ < 2 && active_vma_count_ == 0; }

private:
    std::shared_ptr<AnonVma> parent_;
    IntervalTree vmas_;
    unsigned child_count_ = 0;
    unsigned active_vma_count_ = 0;
    SlabObject object_;
};

// A VMA's membership in one family (Linux: struct anon_vma_chain).
struct AnonVmaLink {
    AnonVmaLink(Vma& vma, std::shared_ptr<AnonVma> family, SlabObject memory)
        : node(vma), anon_vma(std::move(family)), object(std::move(memory)) {}

    IntervalNode node;
    std::shared_ptr<AnonVma> anon_vma;
    SlabObject object;
};

}  // namespace fl::mm
