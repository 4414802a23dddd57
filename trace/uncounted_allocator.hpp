// UncountedAllocator: memory beside what the kernel's own objects take, which is counted and limited
// (kernel/host_heap.hpp): what a trace keeps is not the traced program's doing.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace fl::trace {

template <class Value>
class UncountedAllocator {
public:
    using value_type = Value;
    UncountedAllocator() = default;
    template <class Other>
    UncountedAllocator(const UncountedAllocator<Other>&) {}  // NOLINT(google-explicit-constructor): as allocators are

    Value* allocate(std::size_t count) {
        static_assert(alignof(Value) <= alignof(std::max_align_t));
        void* block = std::malloc(count * sizeof(Value));
        if (block == nullptr) throw std::bad_alloc();
        return static_cast<Value*>(block);
    }
    void deallocate(Value* block, std::size_t /*count*/) { std::free(block); }
    friend bool operator==(const UncountedAllocator&, const UncountedAllocator&) { return true; }
};

}  // namespace fl::trace
