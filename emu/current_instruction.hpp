// CurrentInstruction: what the instruction at RIP does to memory. Unicorn tells of an access only its page and its
// direction; the rest is read from the instruction and the registers, where somebody has to know.
#pragma once

#include "emu/mmu.hpp"
#include "emu/operand_decoder.hpp"
#include "emu/registers.hpp"

#include <cstdint>
#include <span>

namespace fl::emu {

class CurrentInstruction {
public:
    // In the address space `root`; all must outlive the object.
    CurrentInstruction(Mmu& mmu, Pfn root, const Registers& registers, OperandDecoder& decoder)
        : mmu_(mmu), root_(root), registers_(registers), decoder_(decoder) {}

    // Where in `page` the access is that missed there.
    VirtAddr address_in(VirtAddr page, Access access) const;
    // Whether it writes, or reads and writes, memory at all. Of the registers it takes only RIP.
    bool writes_memory() const;
    // Whether it writes, or reads and writes, memory of this page.
    bool writes(VirtAddr page) const;
    // Whether it reaches into this page through the stack segment.
    bool reaches_through_stack_segment(VirtAddr page) const;

private:
    std::span<const MemoryOperand> operands() const;

    Mmu& mmu_;
    Pfn root_;
    const Registers& registers_;
    OperandDecoder& decoder_;
};

// Whether exception `vector`, with these registers, is an INT instruction behind which RIP stands already.
bool is_software_interrupt(Mmu& mmu, Pfn root, const Registers& registers, std::uint32_t vector);

}  // namespace fl::emu
