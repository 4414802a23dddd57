// Strace: what the calls of the wider memory interfaces take: System V IPC, memory policies, userfaultfd, membarrier.
#pragma once

#include "kernel/strace.hpp"

#include <optional>

namespace fl::kernel {

// The text of an argument of one of these kinds; nullopt: it is none of them.
std::optional<std::string> memory_argument_text(ArgumentFormat::Kind kind, std::uint64_t value);

extern const FlagNames shm_flag_names;
extern const FlagNames ipc_operation_flag_names;
extern const FlagNames mbind_flag_names;
extern const FlagNames get_policy_flag_names;
extern const FlagNames userfaultfd_flag_names;
extern const FlagNames membarrier_command_names;
extern const FlagNames membarrier_flag_names;

}  // namespace fl::kernel
