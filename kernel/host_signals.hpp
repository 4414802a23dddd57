// HostSignals: signals that the host sends to the emulator (SIGINT, SIGTERM, and others that come from a terminal)
// become the program's, as they would if it ran natively: it may handle them, or they end it, and what was traced so
// far is kept.
//
// SIGALRM, the emulator's own, interrupts the processor (preemption.hpp).
//
// Invariant: one instance is alive at a time, because a host's signal handler can find its way only through a global.
#pragma once

#include "emu/cpu.hpp"

#include <array>
#include <csignal>
#include <optional>

namespace fl::kernel {

class HostSignals {
public:
    // Relays until destroyed. A signal that the emulator's parent ignores stays ignored.
    explicit HostSignals(emu::Cpu& cpu);
    ~HostSignals();
    HostSignals(const HostSignals&) = delete;
    HostSignals& operator=(const HostSignals&) = delete;

    // Whether a signal arrived that was not taken yet: a system call that blocks gives up then, with EINTR.
    static bool arrived();
    // The number of a signal that arrived, each once.
    static std::optional<int> take();

private:
    static constexpr std::array relayed{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
    std::array<struct sigaction, relayed.size()> previous_{};
    struct sigaction previous_alarm_ {};
};

}  // namespace fl::kernel
