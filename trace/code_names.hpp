// CodeNames: what stands at an address of the running program, for who asks a few times.
#pragma once

#include "trace/code_reader.hpp"
#include "trace/disassembler.hpp"
#include "trace/symbolizer.hpp"
#include "trace/writer.hpp"

#include <cstddef>
#include <vector>

namespace fl::trace {

// The bytes of an executable; empty where it cannot be read, or is too large to be one.
std::vector<std::byte> image_bytes(const mm::File& file);

class CodeNames {
public:
    // Of the program that runs now. `code` must outlive it.
    explicit CodeNames(const CodeReader& code);

    CodeLocation locate(VirtAddr address) { return symbolizer_.locate(address); }
    // With the disassembly of what is in memory now; its id is 0.
    Instruction at(VirtAddr address);

private:
    const CodeReader& code_;
    Symbolizer symbolizer_;
    Disassembler disassembler_;
};

}  // namespace fl::trace
