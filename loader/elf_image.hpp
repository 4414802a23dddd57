// ElfImage: a validated view of an ELF64 x86-64 executable (System V gABI ch. 4-5, x86-64 psABI).
//
// Everything in the file is untrusted. After parse_elf() every number in an ElfImage has been checked: segments are
// sorted, disjoint page by page, inside the user half and inside the file; offset and address agree modulo the page
// size; the program headers lie in the file.
#pragma once

#include "emu/address.hpp"
#include "mm/file.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::loader {

enum class ElfType : std::uint8_t {
    fixed,                 // ET_EXEC: loaded where it says
    position_independent,  // ET_DYN without an interpreter (static PIE): addresses are relative to a load bias
};

struct ElfSegment {
    VirtAddr address;            // p_vaddr
    std::uint64_t file_offset;   // p_offset
    std::uint64_t file_bytes;    // p_filesz
    std::uint64_t memory_bytes;  // p_memsz >= file_bytes
    bool readable;
    bool writable;
    bool executable;
};

struct ElfImage {
    ElfType type;
    VirtAddr entry;
    std::vector<ElfSegment> segments;     // PT_LOAD, by address
    std::optional<ElfSegment> tls;        // PT_TLS: the template that the C library copies
    std::optional<VirtRange> relro;       // PT_GNU_RELRO: the C library protects it
    bool executable_stack;                // PT_GNU_STACK with PF_X; without PT_GNU_STACK it is not, as on x86-64
                                          // Linux since 5.8 (arch/x86/include/asm/elf.h, elf_read_implies_exec)
    std::uint64_t max_alignment;          // largest p_align of a PT_LOAD, at least a page
    std::uint64_t program_header_offset;  // e_phoff
    std::uint16_t program_header_count;
    std::uint16_t program_header_entry_bytes;
};

// The error is one clear line without the file's name: what is wrong and where.
tl::expected<ElfImage, std::string> parse_elf(const mm::File& file);

}  // namespace fl::loader
