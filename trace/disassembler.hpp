// Disassembler: the bytes of an x86-64 instruction as assembly text, in Intel syntax.
#pragma once

#include "emu/address.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace fl::trace {

// No x86 instruction is longer (Intel SDM vol. 2A, 2.3.11).
inline constexpr std::size_t max_instruction_bytes = 15;

class Disassembler {
public:
    Disassembler();
    Disassembler(const Disassembler&) = delete;
    Disassembler& operator=(const Disassembler&) = delete;
    ~Disassembler();

    // The first instruction in `code`, which lies at `address`: "mov dword ptr [rdi], eax". Empty where the bytes are
    // no instruction or end within it.
    std::string disassemble(VirtAddr address, std::span<const std::byte> code);

private:
    struct Engine;
    std::unique_ptr<Engine> engine_;  // nullptr: the library could not be initialised
};

}  // namespace fl::trace
