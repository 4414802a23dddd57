// OperandDecoder: which memory an instruction names, so that a fault's exact address can be told.
//
// Unicorn says of a TLB miss only the page. The address inside it is worked out from the instruction and the
// registers, and only where somebody asks: for a signal or an observer.
#pragma once

#include "emu/address.hpp"
#include "emu/registers.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace fl::emu {

// One memory operand, explicit or implied (the stack of a PUSH): base + index * scale + displacement + segment base.
struct MemoryOperand {
    static constexpr std::uint8_t no_register = 0xff;

    std::uint8_t base = no_register;  // index of the register in the order of Registers' first 17 members (rax .. rip)
    std::uint8_t index = no_register;
    std::uint8_t scale = 1;
    bool address_is_32bit = false;  // address-size prefix
    bool segment_is_fs = false;
    bool segment_is_gs = false;
    bool is_written = false;  // written, or read and written
    std::uint32_t size_bytes = 0;
    std::int64_t displacement = 0;  // of a RIP-relative operand: from the start of the instruction

    VirtAddr resolve(const Registers& registers) const;
    // Whether SS is the segment it goes through, which decides between #SS and #GP (Intel SDM vol. 1, 3.7.4).
    bool through_stack_segment() const;
};

class OperandDecoder {
public:
    static constexpr std::size_t max_instruction_bytes = 15;
    static constexpr std::size_t max_operands = 3;

    OperandDecoder();
    ~OperandDecoder();
    OperandDecoder(const OperandDecoder&) = delete;
    OperandDecoder& operator=(const OperandDecoder&) = delete;

    // The memory operands of the instruction that `code` starts with; empty where it cannot be decoded or names none.
    std::span<const MemoryOperand> operands(std::span<const std::byte> code);

private:
    struct Entry {
        std::array<std::byte, max_instruction_bytes> code{};
        std::uint8_t code_bytes = 0;
        std::uint8_t count = 0;
        std::array<MemoryOperand, max_operands> operands{};
    };
    struct Disassembler;

    void decode(Entry& entry);

    std::unique_ptr<Disassembler> disassembler_;
    // Programs fault at few instructions: a direct-mapped cache, checked by the bytes themselves.
    std::unique_ptr<Entry[]> cache_;
};

}  // namespace fl::emu
