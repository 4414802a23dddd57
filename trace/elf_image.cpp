#include "trace/elf_image.hpp"

#include <gelf.h>

namespace fl::trace {

namespace {

ElfImage checked(Elf* elf) {
    ElfImage image(elf);
    GElf_Ehdr header{};
    if (elf != nullptr && (elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == nullptr ||
                           header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)) {
        image.reset();
    }
    return image;
}

}  // namespace

void ElfEnd::operator()(Elf* elf) const { elf_end(elf); }

ElfImage open_elf(int descriptor) {
    if (descriptor < 0 || elf_version(EV_CURRENT) == EV_NONE) return nullptr;
    return checked(elf_begin(descriptor, ELF_C_READ, nullptr));
}

ElfImage open_elf(std::vector<std::byte>& bytes) {
    if (bytes.empty() || elf_version(EV_CURRENT) == EV_NONE) return nullptr;
    return checked(elf_memory(reinterpret_cast<char*>(bytes.data()), bytes.size()));
}

}  // namespace fl::trace
