#include "mm/kernel_stack.hpp"

#include "mm/physical_memory.hpp"

namespace fl::mm {

Result<KernelStack> KernelStack::create(PhysicalMemory& memory) {
    if (memory.slab() == nullptr) return KernelStack();
    KernelStack stack(memory);
    while (stack.count_ < frame_count) {
        const auto frame = memory.allocate(FrameState::kernel_stack, Fill::caller);
        if (!frame) return fail(frame.error());
        stack.frames_[stack.count_++] = *frame;
    }
    return stack;
}

KernelStack::~KernelStack() {
    if (memory_ == nullptr) return;
    for (std::size_t i = 0; i < count_; ++i) memory_->release(frames_[i]);
}

}  // namespace fl::mm
