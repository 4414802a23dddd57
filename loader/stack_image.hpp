// The stack that exec leaves for a new program, as plain bytes and addresses (Linux: fs/exec.c, copy_strings;
// fs/binfmt_elf.c, create_elf_tables). From high to low addresses:
//
//   stack_top   8 zero bytes
//               execfn, then the environment's strings and the arguments' strings, each in ascending order
//               "x86_64", 16 random bytes                               from here on up to 15 bytes of alignment above
//               auxv, ending with AT_NULL                               and below
//               envp[], NULL
//               argv[], NULL
//   rsp ->      argc
//
// Everything here is pure: nothing is mapped or written.
#pragma once

#include "emu/address.hpp"

#include <tl/expected.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fl::loader {

// Whose rights it has: AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE.
struct ProgramRights {
    std::uint32_t uid = 0, effective_uid = 0, gid = 0, effective_gid = 0;
    bool is_secure = false;
};

struct ProgramArguments {
    std::string execfn;                        // AT_EXECFN: the path as the user typed it
    std::vector<std::string> argv;             // Linux gives a program without arguments one empty one, and so do we
    std::vector<std::string> envp;             // "KEY=VALUE"
    std::array<std::byte, 16> random_bytes{};  // AT_RANDOM
    ProgramRights rights{};
};

// Bytes that belong at an address.
struct PlacedBytes {
    VirtAddr start;
    std::vector<std::byte> bytes;
};

struct StackStrings {
    PlacedBytes content;  // all strings; what lies above it up to the stack's top stays zero
    VirtAddr execfn;
    std::vector<VirtAddr> argv;  // where each string starts
    std::vector<VirtAddr> envp;
    VirtRange arguments;    // arg_start .. arg_end
    VirtRange environment;  // env_start .. env_end
};

// What the auxiliary vector says about the address space.
struct AuxiliaryFacts {
    VirtAddr vdso;             // AT_SYSINFO_EHDR
    VirtAddr program_headers;  // AT_PHDR
    std::uint16_t program_header_count;
    std::uint16_t program_header_entry_bytes;
    VirtAddr entry;
    ProgramRights rights{};
};

struct StackVectors {
    PlacedBytes identity;  // random bytes and platform string: Linux writes them first
    PlacedBytes vectors;   // argc, argv, envp, auxv; its start is the program's first stack pointer
    std::vector<std::uint64_t> auxv;
};

// Places the strings below `top`. The error is one line: more of them than Linux would take with this stack limit
// (fs/exec.c, bprm_stack_limits and MAX_ARG_STRLEN).
tl::expected<StackStrings, std::string> lay_out_strings(const ProgramArguments& arguments, VirtAddr top,
                                                        std::uint64_t stack_limit_bytes);

StackVectors lay_out_vectors(const StackStrings& strings, const AuxiliaryFacts& facts,
                             const std::array<std::byte, 16>& random_bytes);

}  // namespace fl::loader
