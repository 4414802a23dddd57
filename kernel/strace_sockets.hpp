// How --strace prints the arguments of calls on sockets, pipes and epoll.
#pragma once

#include "kernel/strace.hpp"

#include <optional>

namespace fl::kernel {

// nullopt for an argument of another kind.
std::optional<std::string> socket_argument_text(const System& system, const SyscallLine& line, std::size_t index,
                                                const Result<std::uint64_t>* result);

}  // namespace fl::kernel
