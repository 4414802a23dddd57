// How --strace prints the arguments of calls on timers.
#pragma once

#include "kernel/strace.hpp"

#include <optional>

namespace fl::kernel {

// nullopt for an argument of another kind.
std::optional<std::string> timer_argument_text(const System& system, const SyscallLine& line, std::size_t index,
                                               const Result<std::uint64_t>* result);

}  // namespace fl::kernel
