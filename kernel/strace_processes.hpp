// How --strace prints the arguments of calls that make, wait for and end tasks.
#pragma once

#include "kernel/strace.hpp"

#include <optional>

namespace fl::kernel {

// nullopt for an argument of another kind.
std::optional<std::string> process_argument_text(const System& system, const SyscallLine& line, std::size_t index,
                                                 const Result<std::uint64_t>* result);

}  // namespace fl::kernel
