// CodeReader: how the tracer sees the program that runs, whoever owns the memory.
#pragma once

#include "emu/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace fl::mm {
class File;
}

namespace fl::trace {

// The executable behind an address space.
struct RunningImage {
    const mm::File* file;  // never nullptr
    std::uint64_t load_bias = 0;
};

class CodeReader {
public:
    // Copies the program's bytes at `address` as they are now, without taking faults and without leaving traces in
    // page tables. Returns how many could be read; fewer than asked for where a page is missing.
    virtual std::size_t peek(VirtAddr address, std::span<std::byte> into) const = 0;
    // What the task whose turn it is runs; nullopt: not known. Valid until the task goes on.
    virtual std::optional<RunningImage> image() const = 0;

protected:
    ~CodeReader() = default;
};

}  // namespace fl::trace
