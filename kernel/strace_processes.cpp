#include "kernel/strace_processes.hpp"

#include "kernel/peek.hpp"
#include "kernel/strace_names.hpp"

#include <fmt/format.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/wait.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr FlagName clone_flags[] = {{CLONE_VM, "CLONE_VM"},
                                    {CLONE_FS, "CLONE_FS"},
                                    {CLONE_FILES, "CLONE_FILES"},
                                    {CLONE_SIGHAND, "CLONE_SIGHAND"},
                                    {CLONE_PIDFD, "CLONE_PIDFD"},
                                    {CLONE_PTRACE, "CLONE_PTRACE"},
                                    {CLONE_VFORK, "CLONE_VFORK"},
                                    {CLONE_PARENT, "CLONE_PARENT"},
                                    {CLONE_THREAD, "CLONE_THREAD"},
                                    {CLONE_SYSVSEM, "CLONE_SYSVSEM"},
                                    {CLONE_SETTLS, "CLONE_SETTLS"},
                                    {CLONE_PARENT_SETTID, "CLONE_PARENT_SETTID"},
                                    {CLONE_CHILD_CLEARTID, "CLONE_CHILD_CLEARTID"},
                                    {CLONE_DETACHED, "CLONE_DETACHED"},
                                    {CLONE_CHILD_SETTID, "CLONE_CHILD_SETTID"}};
constexpr FlagName wait_flags[] = {{WNOHANG, "WNOHANG"},       {WSTOPPED, "WSTOPPED"}, {WEXITED, "WEXITED"},
                                   {WCONTINUED, "WCONTINUED"}, {WNOWAIT, "WNOWAIT"},   {0x8000'0000, "__WCLONE"},
                                   {0x4000'0000, "__WALL"}};

std::string clone_text(std::uint64_t value) {
    const auto signal = static_cast<int>(value & CSIGNAL);
    const std::uint64_t flags = value & ~std::uint64_t{CSIGNAL};
    std::string text = flags != 0 ? flags_text(clone_flags, flags) : "";
    if (signal != 0) text += (text.empty() ? "" : "|") + signal_name(signal);
    return text.empty() ? "0" : text;
}

std::string futex_text(std::uint64_t value) {
    constexpr std::array names = {
        "WAIT",      "WAKE",       "FD",          "REQUEUE",     "CMP_REQUEUE",     "WAKE_OP",        "LOCK_PI",
        "UNLOCK_PI", "TRYLOCK_PI", "WAIT_BITSET", "WAKE_BITSET", "WAIT_REQUEUE_PI", "CMP_REQUEUE_PI", "LOCK_PI2"};
    const std::uint64_t command = value & 0x7f;
    if (command >= names.size()) return fmt::format("{:#x}", value);
    return fmt::format("FUTEX_{}{}{}", names[command], (value & FUTEX_PRIVATE_FLAG) != 0 ? "_PRIVATE" : "",
                       (value & FUTEX_CLOCK_REALTIME) != 0 ? "|FUTEX_CLOCK_REALTIME" : "");
}

template <class T>
std::optional<T> peek(const System& system, std::uint64_t address) {
    T value{};
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    if (address == 0 || peek_memory(system.memory.ram(), *system.task.mm, VirtAddr(address), bytes) != bytes.size()) {
        return std::nullopt;
    }
    return value;
}

std::string pointer_text(std::uint64_t address) { return address == 0 ? "NULL" : fmt::format("{:#x}", address); }

std::string wait_status_text(const System& system, std::uint64_t address) {
    const auto status = peek<std::int32_t>(system, address);
    if (!status) return pointer_text(address);
    if (*status == 0xffff) return "[{WIFCONTINUED(s)}]";
    if (WIFEXITED(*status)) return fmt::format("[{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}]", WEXITSTATUS(*status));
    if (WIFSTOPPED(*status)) {
        return fmt::format("[{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}]", signal_name(WSTOPSIG(*status)));
    }
    return fmt::format("[{{WIFSIGNALED(s) && WTERMSIG(s) == {}}}]", signal_name(WTERMSIG(*status)));
}

std::string strings_text(const System& system, std::uint64_t address) {
    constexpr std::size_t max_strings = 32, max_bytes = 33;
    std::string text;
    for (std::size_t i = 0;; ++i) {
        const auto pointer = peek<std::uint64_t>(system, address + i * sizeof(std::uint64_t));
        if (!pointer) return pointer_text(address);
        if (*pointer == 0) return "[" + text + "]";
        if (i == max_strings) return "[" + text + ", ...]";
        std::array<std::byte, max_bytes> bytes{};
        const std::size_t got = peek_memory(system.memory.ram(), *system.task.mm, VirtAddr(*pointer), bytes);
        const auto found = std::span(bytes).first(got);
        const auto length =
            static_cast<std::size_t>(std::find(found.begin(), found.end(), std::byte{0}) - found.begin());
        text += (i > 0 ? ", " : "") + quoted(found.first(length));
    }
}

}  // namespace

std::optional<std::string> process_argument_text(const System& system, const SyscallLine& line, std::size_t index,
                                                 const Result<std::uint64_t>* result) {
    using Kind = ArgumentFormat::Kind;
    const std::uint64_t value = line.arguments[index];
    const bool told = result != nullptr && result->has_value() && **result != 0;
    switch (line.formats[index].kind) {
        case Kind::clone_flags: return clone_text(value);
        case Kind::wait_flags: return value == 0 ? "0" : flags_text(wait_flags, value);
        case Kind::futex_operation: return futex_text(value);
        case Kind::wait_status: return told ? wait_status_text(system, value) : pointer_text(value);
        case Kind::strings: return strings_text(system, value);
        default: return std::nullopt;
    }
}

}  // namespace fl::kernel
