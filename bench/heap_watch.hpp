// HeapWatch: how much more of the heap the program had than at its start, at most. One at a time, and one thread.
#pragma once

#include <cstddef>

class HeapWatch {
public:
    HeapWatch();
    std::size_t peak_bytes() const;

private:
    std::size_t start_;
};
