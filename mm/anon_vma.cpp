// A VMA's part in the reverse mapping.
#include "mm/anon_vma.hpp"

#include "mm/mm_struct.hpp"

namespace fl::mm {

Vma::~Vma() { FL_ASSERT(mm_ == nullptr && anon_vma_chain_.empty()); }

namespace {

void join(IntervalTree& tree, IntervalNode& node) {
    node.first = node.vma.pgoff();
    node.last = node.first + node.vma.page_count().value() - 1;
    tree.insert(node);
}

}  // namespace

void Vma::join_rmap_trees() {
    if (File* mapped = file()) join(mapped->i_mmap(), file_node_);
    for (AnonVmaLink& link : anon_vma_chain_) join(link.anon_vma->vmas(), link.node);
}

void Vma::leave_rmap_trees() {
    if (File* mapped = file()) mapped->i_mmap().remove(file_node_);
    for (AnonVmaLink& link : anon_vma_chain_) link.anon_vma->vmas().remove(link.node);
}

void Vma::attach(MmStruct& mm) {
    FL_ASSERT(mm_ == nullptr && anon_vma_chain_.empty());
    mm_ = &mm;
    join_rmap_trees();
    if (content_.observer) content_.observer->vma_opened();
}

void Vma::detach() {
    if (File* mapped = file()) mapped->i_mmap().remove(file_node_);
    forget_anon_vma();
    mm_ = nullptr;
    if (content_.observer) content_.observer->vma_closed();
}

void Vma::forget_anon_vma() {
    for (AnonVmaLink& link : anon_vma_chain_) link.anon_vma->vmas().remove(link.node);
    anon_vma_chain_.clear();
    if (anon_vma_) anon_vma_->drop_active_vma();
    anon_vma_.reset();
}

void Vma::set_anon_vma(std::shared_ptr<AnonVma> anon_vma) {
    FL_ASSERT(mm_ != nullptr && anon_vma_ == nullptr);
    anon_vma_ = std::move(anon_vma);
    anon_vma_->add_active_vma();
    AnonVmaLink& link = anon_vma_chain_.emplace_back(*this, anon_vma_, mm_->objects().take_chain());
    join(anon_vma_->vmas(), link.node);
}

void Vma::clone_anon_vma(const Vma& source) {
    FL_ASSERT(mm_ != nullptr && anon_vma_ == nullptr);
    for (const AnonVmaLink& theirs : source.anon_vma_chain_) {
        AnonVmaLink& link = anon_vma_chain_.emplace_back(*this, theirs.anon_vma, mm_->objects().take_chain());
        join(link.anon_vma->vmas(), link.node);
    }
    anon_vma_ = source.anon_vma_;
    if (anon_vma_) anon_vma_->add_active_vma();
}

void Vma::take_over_anon_vma(Vma& source) {
    FL_ASSERT(mm_ != nullptr && anon_vma_ == nullptr);
    for (AnonVmaLink& theirs : source.anon_vma_chain_) {
        AnonVmaLink& link = anon_vma_chain_.emplace_back(*this, theirs.anon_vma, std::move(theirs.object));
        join(link.anon_vma->vmas(), link.node);
    }
    anon_vma_ = source.anon_vma_;
    if (anon_vma_) anon_vma_->add_active_vma();
}

void Vma::fork_anon_vma(const Vma& parent) {
    FL_ASSERT(mm_ != nullptr && anon_vma_ == nullptr);
    if (parent.anon_vma_ == nullptr) return;
    for (const AnonVmaLink& theirs : parent.anon_vma_chain_) {
        AnonVmaLink& link = anon_vma_chain_.emplace_back(*this, theirs.anon_vma, mm_->objects().take_chain());
        join(link.anon_vma->vmas(), link.node);
        if (anon_vma_ == nullptr && theirs.anon_vma->can_be_taken_over()) {
            anon_vma_ = theirs.anon_vma;
            anon_vma_->add_active_vma();
        }
    }
    if (anon_vma_ != nullptr) return;
    auto family = std::make_shared<AnonVma>(parent.anon_vma_);
    family->hold(mm_->objects().take_family());
    set_anon_vma(std::move(family));
}

}  // namespace fl::mm
