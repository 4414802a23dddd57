// CodeReader: how the tracer sees the bytes of an instruction, whoever owns the memory.
#pragma once

#include "emu/address.hpp"

#include <cstddef>
#include <span>

namespace fl::trace {

class CodeReader {
public:
    // Copies the program's bytes at `address` as they are now, without taking faults and without leaving traces in
    // page tables. Returns how many could be read; fewer than asked for where a page is missing.
    virtual std::size_t peek(VirtAddr address, std::span<std::byte> into) const = 0;

protected:
    ~CodeReader() = default;
};

}  // namespace fl::trace
