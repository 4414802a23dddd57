// The names of all system calls of x86-64 up to Linux 6.10 (arch/x86/entry/syscalls/syscall_64.tbl), those that are
// not implemented included: warnings and --strace name them.
#pragma once

#include <cstdint>

namespace fl::kernel {

// One more than the highest number that has a name.
inline constexpr std::uint64_t syscall_name_count = 463;

// nullptr for a number that no call has.
const char* syscall_name(std::uint64_t number);

}  // namespace fl::kernel
