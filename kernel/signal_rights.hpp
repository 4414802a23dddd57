// Who may send whom a signal, and what he may claim of it (Linux: kernel/signal.c, check_kill_permission).
#pragma once

#include "kernel/system.hpp"

namespace fl::kernel {

constexpr bool is_signal(std::int32_t number) { return number >= 1 && number <= signal_count; }

// EINVAL for what is no signal, EPERM. Number 0 only asks.
Result<void> check_signal(const System& system, const Process& target, const Credentials& targets, int number);
inline Result<void> check_signal(const System& system, const Process& target, int number) {
    return check_signal(system, target, credentials_of(target), number);
}

// What kill(2) and its like say of a signal.
SignalInfo signal_from(const System& system, int number, int code);
// The siginfo_t of a call that brings one. EFAULT.
Result<SignalInfo> read_signal_info(System& system, std::uint64_t address);
// Whether only the kernel says so of a signal, or tkill(2).
constexpr bool is_kernels_code(int code) { return code >= 0 || code == si_code_tkill; }

}  // namespace fl::kernel
