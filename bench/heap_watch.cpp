#include "heap_watch.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

std::size_t now = 0;
std::size_t peak = 0;

}  // namespace

HeapWatch::HeapWatch() : start_(now) { peak = now; }

std::size_t HeapWatch::peak_bytes() const { return peak - start_; }

void* operator new(std::size_t size) {
    void* block = std::malloc(size);
    if (block == nullptr) throw std::bad_alloc();
    now += ::malloc_usable_size(block);
    peak = std::max(peak, now);
    return block;
}

void operator delete(void* block) noexcept {
    now -= ::malloc_usable_size(block);
    std::free(block);
}

void operator delete(void* block, std::size_t /*size*/) noexcept { operator delete(block); }
