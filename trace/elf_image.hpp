// An ELF file of a program, opened by libelf. It is untrusted.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

struct Elf;

namespace fl::trace {

struct ElfEnd {
    void operator()(Elf* elf) const;
};
using ElfImage = std::unique_ptr<Elf, ElfEnd>;

// nullptr where it is no program for x86-64. Of a file: it is read, not mapped, so that one that shrinks under us gives
// an error in place of SIGBUS; the descriptor has to stay open. Of bytes: they have to stay where they are.
ElfImage open_elf(int descriptor);
ElfImage open_elf(std::vector<std::byte>& bytes);

}  // namespace fl::trace
