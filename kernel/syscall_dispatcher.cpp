#include "kernel/syscall_dispatcher.hpp"

#include "kernel/strace/line.hpp"
#include "kernel/strace/scalars.hpp"
#include "kernel/syscall_names.hpp"
#include "kernel/userfaultfd.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace fl::kernel {

namespace {

// How a call without an entry is printed: all that it may have been given.
constexpr strace::ArgumentFormat word{strace::print_hexadecimal};
constexpr strace::ArgumentFormats unknown_arguments = {word, word, word, word, word, word};

// A guest can think up 2^64 wrong numbers; warnings end long before.
constexpr std::size_t max_warnings = 500;

}  // namespace

SyscallDispatcher::SyscallDispatcher(strace::LogOptions strace, const Processes* processes) {
    if (strace.write) log_ = std::make_unique<strace::Log>(std::move(strace), processes);
}

void SyscallDispatcher::warn_once(std::uint64_t syscall_number) {
    if (warned_.size() >= max_warnings || !warned_.insert(syscall_number).second) return;
    const char* name = syscall_name(syscall_number);
    // One string, so that fmt's core is not compiled here as well.
    spdlog::warn(fmt::format("system call {}{} is not implemented; answered ENOSYS", syscall_number,
                             name != nullptr ? fmt::format(" ({})", name) : ""));
}

Result<std::uint64_t> SyscallDispatcher::call(System& system, const SystemCall* entry, std::uint64_t syscall_number,
                                              const Arguments& arguments) {
    if (entry != nullptr && entry->handler != nullptr) {
        const auto result = entry->handler(system, arguments);
        // May wait until a userfaultfd has read of what the call did.
        tell_userfault_events(system);
        return result;
    }
    warn_once(syscall_number);
    return fail(Errno::enosys);
}

Result<std::uint64_t> SyscallDispatcher::traced_call(System& system, const SystemCall* entry,
                                                     std::uint64_t syscall_number, const Arguments& arguments) {
    const strace::ArgumentFormats& formats = entry != nullptr ? entry->formats : unknown_arguments;
    strace::ResultPrinter print_result = entry != nullptr ? entry->result : nullptr;
    strace::Call traced{system, syscall_name(syscall_number), syscall_number, arguments};
    Task& task = system.task;
    // Linux makes such a call again by another name.
    const bool resumes = task.resumed_call &&
                         strace::restart_of(syscall_number, arguments, *task.resumed_call) == strace::Restart::block;
    log_->call_begins(task, resumes ? strace::resuming_text(traced.name) : strace::entering_text(traced, formats));
    const auto result = call(system, entry, syscall_number, arguments);
    traced.result = result;
    traced.ends_task = task.exit.has_value();
    if (!result && result.error() == Errno::eintr && task.restart_call) {
        traced.restart = strace::restart_of(syscall_number, arguments, *task.restart_call);
    }
    if (resumes) {
        log_->call_ends(task, "restart_syscall", ")", strace::result_text(traced, nullptr));
    } else {
        const std::string name = traced.name != nullptr ? traced.name : fmt::format("syscall_{:#x}", syscall_number);
        log_->call_ends(task, name.c_str(), strace::exiting_text(traced, formats),
                        strace::result_text(traced, print_result));
    }
    return result;
}

void SyscallDispatcher::dispatch(System& system) {
    emu::Registers& r = system.task.registers;
    const std::uint64_t syscall_number = r.rax;
    const Arguments arguments = {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9};
    // SYSCALL leaves these two behind (Intel SDM vol. 2B); the signal frames of Linux show them as well.
    r.rcx = r.rip;
    r.r11 = r.rflags;
    ++call_count_;
    const SystemCall* entry = find_system_call(syscall_number);
    const auto result = traces() ? traced_call(system, entry, syscall_number, arguments)
                                 : call(system, entry, syscall_number, arguments);
    r.rax = result ? *result : ~static_cast<std::uint64_t>(result.error()) + 1;
    system.task.resumed_call.reset();
}

void SyscallDispatcher::log_signal(const Task& task, const SignalInfo& info) {
    if (traces()) log_->line(task, strace::signal_line(info));
}

void SyscallDispatcher::log_stop(const Task& task) {
    if (traces()) log_->line(task, fmt::format("--- stopped by {} ---", signal_name(task.process->stop_signal)));
}

void SyscallDispatcher::log_end(const Task& task, const ExitStatus& status) {
    if (!traces()) return;
    log_->line(task, task.superseded_by != 0 ? fmt::format("+++ superseded by execve in pid {} +++", task.superseded_by)
                                             : strace::end_line(status));
}

void SyscallDispatcher::log_first_exec(const Task& task, const std::string& path, const std::vector<std::string>& argv,
                                       std::size_t variable_count) {
    if (!traces()) return;
    const auto bytes = [](const std::string& text) { return std::as_bytes(std::span(text)); };
    std::string words;
    for (std::size_t i = 0; i < argv.size() && i < strace::max_shown; ++i) {
        words += (i > 0 ? ", " : "") + strace::quoted(bytes(argv[i]));
    }
    if (argv.size() > strace::max_shown) words += ", ...";
    // argc, the arguments' addresses, NULL: then come those of the variables.
    const std::uint64_t variables = task.registers.rsp + (argv.size() + 2) * sizeof(std::uint64_t);
    log_->call_begins(task, fmt::format("execve(\"{}\", [{}], {:#x} /* {} var{} */", strace::escaped(bytes(path)),
                                        words, variables, variable_count, variable_count == 1 ? "" : "s"));
    log_->call_ends(task, "execve", ")", "0");
}

}  // namespace fl::kernel
