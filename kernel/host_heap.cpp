#include "kernel/host_heap.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace fl::kernel {

namespace {

std::atomic<std::uint64_t>& allocated_bytes() {
    static std::atomic<std::uint64_t> bytes{0};
    return bytes;
}

// One thread allocates, nearly always: a load and a store cost less than one locked instruction. What two threads do at
// the same moment may be counted wrongly.
[[maybe_unused]] void count(std::uint64_t change) {
    std::atomic<std::uint64_t>& bytes = allocated_bytes();
    bytes.store(bytes.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
}

}  // namespace

std::uint64_t HostHeap::bytes_in_use() { return allocated_bytes().load(std::memory_order_relaxed); }

}  // namespace fl::kernel

#if !defined(__SANITIZE_ADDRESS__)

namespace {

// `allocate()` until it gives memory (new.delete.single).
template <class Allocate>
void* counted(Allocate&& allocate) {
    for (;;) {
        if (void* block = allocate()) {
            fl::kernel::count(::malloc_usable_size(block));
            return block;
        }
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc();
        handler();
    }
}

void give_back(void* block) noexcept {
    if (block == nullptr) return;
    fl::kernel::count(0 - static_cast<std::uint64_t>(::malloc_usable_size(block)));
    std::free(block);
}

}  // namespace

// The library's other forms call these.
void* operator new(std::size_t size_bytes) {
    return counted([size_bytes] { return std::malloc(size_bytes != 0 ? size_bytes : 1); });
}

void* operator new(std::size_t size_bytes, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    // What aligned_alloc(3) wants is a multiple.
    return counted([=] { return std::aligned_alloc(align, (size_bytes + align - 1) / align * align); });
}

void operator delete(void* block) noexcept { give_back(block); }
void operator delete(void* block, std::size_t /*size_bytes*/) noexcept { give_back(block); }
void operator delete(void* block, std::align_val_t /*alignment*/) noexcept { give_back(block); }
void operator delete(void* block, std::size_t /*size_bytes*/, std::align_val_t /*alignment*/) noexcept {
    give_back(block);
}

#endif
