// The system call table: number -> name, function, and how --strace prints its arguments; and the one place where a
// result becomes the number that the guest finds in RAX.
#pragma once

#include "kernel/strace.hpp"
#include "kernel/syscalls.hpp"

#include <cstdio>
#include <unordered_set>

namespace fl::kernel {

struct SystemCall {
    std::uint64_t number;
    SyscallHandler handler;  // nullptr: known to --strace, but not implemented
    ArgumentFormats formats;
};

// nullptr for a number that has no entry.
const SystemCall* find_system_call(std::uint64_t number);

class SyscallDispatcher {
public:
    // `strace_output` gets one line for each call and signal; nullptr: none.
    explicit SyscallDispatcher(std::FILE* strace_output) : strace_output_(strace_output) {}

    // Does what the task's registers ask for and leaves the answer in RAX; RCX and R11 hold what SYSCALL put there.
    void dispatch(System& system);

    bool traces() const { return strace_output_ != nullptr; }
    void log_signal(const Task& task, const SignalInfo& info);
    void log_end(const Task& task, const ExitStatus& status);
    std::uint64_t call_count() const { return call_count_; }

private:
    Result<std::uint64_t> call(System& system, const SystemCall* entry, std::uint64_t number,
                               const Arguments& arguments);
    Result<std::uint64_t> traced_call(System& system, const SystemCall* entry, std::uint64_t number,
                                      const Arguments& arguments);
    std::string prefix(const Task& task);
    void warn_once(std::uint64_t number);

    std::FILE* strace_output_;
    bool several_tasks_ = false;
    std::uint64_t call_count_ = 0;
    std::unordered_set<std::uint64_t> warned_;
};

}  // namespace fl::kernel
