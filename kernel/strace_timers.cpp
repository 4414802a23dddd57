#include "kernel/strace_timers.hpp"

#include "kernel/peek.hpp"
#include "kernel/strace_names.hpp"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include <csignal>

namespace fl::kernel {

namespace {

constexpr FlagName interval_timers[] = {
    {ITIMER_REAL, "ITIMER_REAL"}, {ITIMER_VIRTUAL, "ITIMER_VIRTUAL"}, {ITIMER_PROF, "ITIMER_PROF"}};
constexpr FlagName timer_flags[] = {{TIMER_ABSTIME, "TIMER_ABSTIME"}};
constexpr FlagName timer_file_flags[] = {{TFD_CLOEXEC, "TFD_CLOEXEC"}, {TFD_NONBLOCK, "TFD_NONBLOCK"}};
constexpr FlagName timer_file_set_flags[] = {{TFD_TIMER_ABSTIME, "TFD_TIMER_ABSTIME"},
                                             {TFD_TIMER_CANCEL_ON_SET, "TFD_TIMER_CANCEL_ON_SET"}};
constexpr FlagName signal_file_flags[] = {{SFD_CLOEXEC, "SFD_CLOEXEC"}, {SFD_NONBLOCK, "SFD_NONBLOCK"}};
constexpr FlagName notify_kinds[] = {{SIGEV_SIGNAL, "SIGEV_SIGNAL"},
                                     {SIGEV_NONE, "SIGEV_NONE"},
                                     {SIGEV_THREAD, "SIGEV_THREAD"},
                                     {SIGEV_THREAD_ID | SIGEV_SIGNAL, "SIGEV_THREAD_ID"}};

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

using FourNumbers = std::array<std::int64_t, 4>;

// struct itimerval and struct itimerspec differ by the name of their fractions.
std::string setting_text(const FourNumbers& setting, const char* fraction) {
    return fmt::format("{{it_interval={{tv_sec={1}, {0}={2}}}, it_value={{tv_sec={3}, {0}={4}}}}}", fraction,
                       setting[0], setting[1], setting[2], setting[3]);
}

std::string times_text(const FourNumbers& times) {
    return fmt::format("{{tms_utime={}, tms_stime={}, tms_cutime={}, tms_cstime={}}}", times[0], times[1], times[2],
                       times[3]);
}

// strace does not name the signal that will not be sent.
std::string event_text(const sigevent& event) {
    const auto pointer = reinterpret_cast<std::uint64_t>(event.sigev_value.sival_ptr);
    std::string text = "{";
    if (pointer != 0) {
        text += fmt::format("sigev_value={{sival_int={}, sival_ptr={:#x}}}, ", event.sigev_value.sival_int, pointer);
    }
    const int notify = event.sigev_notify;
    const std::string signal =
        notify == SIGEV_NONE ? std::to_string(event.sigev_signo) : signal_name(event.sigev_signo);
    text += fmt::format("sigev_signo={}, sigev_notify={}", signal,
                        value_text(notify_kinds, static_cast<std::uint64_t>(notify)));
    if (notify == (SIGEV_THREAD_ID | SIGEV_SIGNAL)) {
        text += fmt::format(", sigev_notify_thread_id={}", event._sigev_un._tid);
    }
    return text + "}";
}

template <class T, class Print>
std::string pointed_to(const System& system, std::uint64_t address, Print&& print) {
    const auto value = peek<T>(system, address);
    return value ? print(*value) : pointer_text(address);
}

}  // namespace

const FlagNames interval_timer_names = interval_timers;
const FlagNames timer_flag_names = timer_flags;
const FlagNames timer_file_flag_names = timer_file_flags;
const FlagNames timer_file_set_flag_names = timer_file_set_flags;
const FlagNames signal_file_flag_names = signal_file_flags;

std::optional<std::string> timer_argument_text(const System& system, const SyscallLine& line, std::size_t index,
                                               const Result<std::uint64_t>* result) {
    using Kind = ArgumentFormat::Kind;
    const ArgumentFormat& format = line.formats[index];
    const std::uint64_t address = line.arguments[index];
    const bool ours = format.kind == Kind::interval_setting || format.kind == Kind::timer_setting ||
                      format.kind == Kind::signal_event || format.kind == Kind::timer_number ||
                      format.kind == Kind::process_times;
    if (!ours) return std::nullopt;
    const bool failed = result == nullptr || !result->has_value();
    if (format.direction == ArgumentFormat::Direction::out && failed) return pointer_text(address);
    switch (format.kind) {
        case Kind::interval_setting:
            return pointed_to<FourNumbers>(system, address, [](const auto& v) { return setting_text(v, "tv_usec"); });
        case Kind::timer_setting:
            return pointed_to<FourNumbers>(system, address, [](const auto& v) { return setting_text(v, "tv_nsec"); });
        case Kind::signal_event: return pointed_to<sigevent>(system, address, event_text);
        case Kind::process_times: return pointed_to<FourNumbers>(system, address, times_text);
        default:
            return pointed_to<std::int32_t>(system, address, [](std::int32_t id) { return fmt::format("[{}]", id); });
    }
}

}  // namespace fl::kernel
