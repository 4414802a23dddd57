// How --strace prints the arguments of system calls on files.
#pragma once

#include "kernel/strace.hpp"

#include <optional>

namespace fl::kernel {

// nullopt for a kind that is not about files; an empty text for an argument that the call does not take.
std::optional<std::string> file_argument_text(const System& system, const SyscallLine& line, std::size_t index,
                                              const Result<std::uint64_t>* result);

// "O_RDWR|O_CREAT".
std::string open_flags_text(std::uint64_t flags);
// "S_IFREG|0644".
std::string file_mode_text(std::uint32_t mode);

}  // namespace fl::kernel
