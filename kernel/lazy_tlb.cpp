#include "kernel/lazy_tlb.hpp"

#include "kernel/processes.hpp"

#include <utility>

namespace fl::kernel {

void LazyTlb::give_back() {
    if (borrowed_ == nullptr) return;
    (void)borrowed_->mmdrop();
    borrowed_.reset();
}

void LazyTlb::switch_to(Task& next) {
    const Task* previous = std::exchange(current_, &next);
    if (previous == &next) return;
    if (next.mm != nullptr) {
        give_back();
        return;
    }
    // What the one before had borrowed passes on to it.
    if (previous == nullptr || previous->mm == nullptr) return;
    FL_ASSERT(borrowed_ == nullptr);
    previous->mm->mmgrab();
    borrowed_ = previous->mm;
}

void LazyTlb::exit_mm(Task& task) {
    std::shared_ptr<mm::MmStruct> mm = std::exchange(task.mm, nullptr);
    if (&task == current_) {
        FL_ASSERT(borrowed_ == nullptr);
        mm->mmgrab();
        borrowed_ = mm;
    }
    Processes::put_mm(std::move(mm));
}

void LazyTlb::forget(const Task& task) {
    if (&task == current_) current_ = nullptr;
}

void LazyTlb::stop() {
    give_back();
    current_ = nullptr;
}

const mm::MmStruct* LazyTlb::active_mm() const {
    return current_ != nullptr && current_->mm != nullptr ? current_->mm.get() : borrowed_.get();
}

}  // namespace fl::kernel
