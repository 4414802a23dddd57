// exec: a validated image becomes the content of a new address space (Linux: fs/binfmt_elf.c, load_elf_binary).
//
// Segments become VMAs; nothing is copied before it is touched, apart from the strings and vectors that exec itself
// writes to the stack and the zeroed tail of the last file page.
#pragma once

#include "loader/elf_image.hpp"
#include "mm/mm_struct.hpp"
#include "mm/user_memory.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace fl::loader {

struct ProgramArguments {
    std::string execfn;              // AT_EXECFN: the path as the user typed it
    std::vector<std::string> argv;
    std::vector<std::string> envp;   // "KEY=VALUE"
    std::array<std::byte, 16> random_bytes{};  // AT_RANDOM
};

struct LoadedProgram {
    VirtAddr entry;
    VirtAddr stack_pointer;   // points to argc
    std::uint64_t load_bias;  // added to the file's addresses; 0 for ET_EXEC
};

// `mm` is fresh. The error is one clear line: no memory, arguments too long, the image does not fit.
tl::expected<LoadedProgram, std::string> load_program(mm::MmStruct& mm, mm::UserMemory& user_memory,
                                                      const std::shared_ptr<mm::File>& file, const ElfImage& image,
                                                      const ProgramArguments& arguments);

}  // namespace fl::loader
