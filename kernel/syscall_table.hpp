// The system call table: number -> function, and how --strace prints its arguments.
#pragma once

#include "kernel/strace/argument.hpp"
#include "kernel/syscalls.hpp"

namespace fl::kernel {

struct SystemCall {
    std::uint64_t number;
    SyscallHandler handler;  // nullptr: known to --strace, but not implemented
    strace::ArgumentFormats formats;
    strace::ResultPrinter result = nullptr;
};

// nullptr for a number that has no entry.
const SystemCall* find_system_call(std::uint64_t number);

}  // namespace fl::kernel
