#include "mm/kernel_stack.hpp"

#include "mm/kernel_space.hpp"

namespace fl::mm {

// alloc_thread_stack_node(): aligned to its size (THREAD_ALIGN). Linux 6.18 names as its caller the function that the
// compiler has put all of copy_process() into.
Result<KernelStack> KernelStack::create(PhysicalMemory& memory) {
    KernelSpace* space = memory.kernel_space();
    if (space == nullptr) return KernelStack();
    const auto start = space->vmalloc().allocate({.size_bytes = size.bytes(),
                                                  .caller = "kernel_clone",
                                                  .align_bytes = size.bytes(),
                                                  .state = FrameState::kernel_stack});
    if (!start) return fail(start.error());
    return KernelStack(memory, *start);
}

KernelStack::~KernelStack() {
    if (start_) memory_->kernel_space()->vmalloc().free(*start_);
}

}  // namespace fl::mm
