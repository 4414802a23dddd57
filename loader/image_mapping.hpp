// An ELF image as VMAs (Linux: fs/binfmt_elf.c, elf_load, and the loop over PT_LOAD in load_elf_binary).
//
// A segment becomes a private file mapping for the pages that hold file bytes and an anonymous one for the rest of its
// bss. Nothing is read before it is touched, but for one page: the tail of a writable segment's last file page is
// zeroed, which takes a private copy of it.
#pragma once

#include "loader/elf_image.hpp"
#include "mm/mm_struct.hpp"
#include "mm/user_memory.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace fl::loader {

// `address` of the file, where `load_bias` puts it. The bias is modulo 2^64: an image linked high up and loaded lower
// has a "negative" one.
constexpr VirtAddr biased(VirtAddr address, std::uint64_t load_bias) { return VirtAddr(address.value() + load_bias); }

// Maps all segments and returns the load bias. The error is one line.
tl::expected<std::uint64_t, std::string> map_image(mm::MmStruct& mm, mm::UserMemory& user_memory,
                                                   const std::shared_ptr<mm::File>& file, const ElfImage& image);

}  // namespace fl::loader
