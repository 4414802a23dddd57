// SyscallDispatcher: makes the system call that a task's registers ask for. Here a result becomes the number that the
// guest finds in RAX, and here --strace looks on.
#pragma once

#include "kernel/strace/log.hpp"
#include "kernel/syscall_table.hpp"

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

namespace fl::kernel {

class SyscallDispatcher {
public:
    // `processes` must outlive the dispatcher; nullptr: there is one task.
    explicit SyscallDispatcher(strace::LogOptions strace = {}, const Processes* processes = nullptr);

    // Does what the task's registers ask for and leaves the answer in RAX; RCX and R11 hold what SYSCALL put there.
    void dispatch(System& system);
    std::uint64_t call_count() const { return call_count_; }

    // What else strace tells of a task; nothing where nobody looks on.
    bool traces() const { return log_ != nullptr; }
    void log_signal(const Task& task, const SignalInfo& info);
    void log_stop(const Task& task);
    void log_end(const Task& task, const ExitStatus& status);
    // The program that the machine was asked to run, as its parent would have executed it.
    void log_first_exec(const Task& task, const std::string& path, const std::vector<std::string>& argv,
                        std::size_t variable_count);

private:
    Result<std::uint64_t> call(System& system, const SystemCall* entry, std::uint64_t number,
                               const Arguments& arguments);
    Result<std::uint64_t> traced_call(System& system, const SystemCall* entry, std::uint64_t number,
                                      const Arguments& arguments);
    void warn_once(std::uint64_t number);

    std::unique_ptr<strace::Log> log_;
    std::uint64_t call_count_ = 0;
    std::unordered_set<std::uint64_t> warned_;
};

}  // namespace fl::kernel
