// The parts of fcntl(2) that have files of their own.
#pragma once

#include "kernel/syscalls.hpp"

namespace fl::kernel {

// F_GETLK, F_SETLK, F_SETLKW and those of open files, F_SETLEASE, F_GETLEASE. `fd` is what leads to `file`.
bool is_lock_command(int command);
Result<std::uint64_t> control_locks(System& system, const DescriptionPointer& file, const Arguments& a);

// F_GETOWN, F_SETOWN, F_GETSIG, F_SETSIG and their like.
bool is_owner_command(int command);
Result<std::uint64_t> control_owner(System& system, FileDescription& file, const Arguments& a);

}  // namespace fl::kernel
