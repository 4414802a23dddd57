// exec: a validated image becomes the content of a new address space (Linux: fs/binfmt_elf.c, load_elf_binary).
//
// Segments become VMAs; nothing is copied before it is touched, apart from the strings and vectors that exec itself
// writes to the stack and the zeroed tail of the last file page.
#pragma once

#include "loader/elf_image.hpp"
#include "loader/stack_image.hpp"
#include "loader/vdso.hpp"
#include "mm/mm_struct.hpp"
#include "mm/user_memory.hpp"

#include <memory>
#include <string>

namespace fl::loader {

struct LoadedProgram {
    VirtAddr entry;
    VirtAddr stack_pointer;   // points to argc
    std::uint64_t load_bias;  // added to the file's addresses, modulo 2^64; 0 for ET_EXEC
};

// `mm` is fresh, and the one that the fault handler behind `user_memory` works for. The error is one clear line: no
// memory, arguments too long, the image does not fit; `mm` is then good for nothing but being destroyed.
tl::expected<LoadedProgram, std::string> load_program(mm::MmStruct& mm, mm::UserMemory& user_memory,
                                                      const std::shared_ptr<mm::File>& file, const ElfImage& image,
                                                      const Vdso& vdso, const ProgramArguments& arguments);

}  // namespace fl::loader
