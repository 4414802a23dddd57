// PosixTimers: the timers of timer_create(2) of one process (Linux: kernel/time/posix-timers.c).
//
// Invariant: of each timer at most one signal waits in a queue. A timer with an interval goes on only once its signal
// is taken; how often it would have expired meanwhile is its overrun count.
#pragma once

#include "kernel/clock_id.hpp"
#include "kernel/signals.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace fl::kernel {

class Processes;

// What happens when a timer expires.
struct TimerNotification {
    enum class Kind : std::uint8_t { none, process, thread };
    Kind kind = Kind::process;
    int signal = SIGALRM;
    std::uint64_t value = 0;   // union sigval
    std::uint32_t thread = 0;  // Kind::thread: its number
};

class PosixTimers final {
public:
    // All must outlive the timers.
    PosixTimers(Process& process, Processes& processes, Scheduler& scheduler);
    PosixTimers(const PosixTimers&) = delete;
    PosixTimers& operator=(const PosixTimers&) = delete;
    ~PosixTimers();

    // The new timer's number: the next one, whatever was deleted before. An uninitialised value is its number.
    std::int32_t add(const ClockId& clock, const std::optional<TimerNotification>& notification);
    bool has(std::int32_t id) const { return timers_.contains(id); }
    // How many there are, and how many of these have no signal in a queue.
    std::size_t idle_count() const;
    // EINVAL where there is no such timer.
    Result<TimerSetting> read(std::int32_t id);
    // Answers with what was set before. ESRCH: nobody has the clock any more.
    Result<TimerSetting> set(std::int32_t id, const TimerSetting& setting, bool is_absolute);
    Result<std::int32_t> overrun(std::int32_t id) const;
    Result<void> remove(std::int32_t id);
    void clear();

    // See TimerSignals.
    bool taken(SignalInfo& info);
    void discarded(const SignalInfo& info);
    void no_longer_ignored(int number);

private:
    struct Timer;

    Timer* find(std::int32_t id);
    const Timer* find(std::int32_t id) const;
    static TimerSetting read(Timer& timer);
    void expired(Timer& timer);
    void send(Timer& timer);

    Process& process_;
    Processes& processes_;
    Scheduler& scheduler_;
    std::map<std::int32_t, std::unique_ptr<Timer>> timers_;
    std::int32_t next_id_ = 0;
};

}  // namespace fl::kernel
