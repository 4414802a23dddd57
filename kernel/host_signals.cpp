#include "kernel/host_signals.hpp"

#include <atomic>
#include <cstdint>

namespace fl::kernel {

namespace {

// Bit n is signal n. Lock-free, so that a signal handler may use them, which can find its way only through globals.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<std::uint64_t> arrived_signals{0};
std::atomic<emu::Cpu*> running_cpu{nullptr};
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<emu::Cpu*>::is_always_lock_free);

void on_alarm(int) {
    if (emu::Cpu* cpu = running_cpu.load()) cpu->interrupt();
}

void on_host_signal(int number) {
    arrived_signals.fetch_or(std::uint64_t{1} << number);
    if (emu::Cpu* cpu = running_cpu.load()) cpu->interrupt();
}

}  // namespace

HostSignals::HostSignals(emu::Cpu& cpu) {
    FL_ASSERT(running_cpu.load() == nullptr);
    arrived_signals = 0;
    running_cpu = &cpu;
    // Without SA_RESTART: a read that waits for input must come back.
    struct sigaction relay {};
    relay.sa_handler = on_host_signal;
    for (std::size_t i = 0; i < relayed.size(); ++i) {
        ::sigaction(relayed[i], nullptr, &previous_[i]);
        if (previous_[i].sa_handler != SIG_IGN) ::sigaction(relayed[i], &relay, nullptr);
    }
    struct sigaction alarm {};
    alarm.sa_handler = on_alarm;
    alarm.sa_flags = SA_RESTART;
    ::sigaction(SIGALRM, &alarm, &previous_alarm_);
}

HostSignals::~HostSignals() {
    ::sigaction(SIGALRM, &previous_alarm_, nullptr);
    for (std::size_t i = 0; i < relayed.size(); ++i) ::sigaction(relayed[i], &previous_[i], nullptr);
    running_cpu = nullptr;
}

bool HostSignals::arrived() { return arrived_signals.load() != 0; }

std::optional<int> HostSignals::take() {
    for (const int number : relayed) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        if ((arrived_signals.fetch_and(~bit) & bit) != 0) return number;
    }
    return std::nullopt;
}

}  // namespace fl::kernel
