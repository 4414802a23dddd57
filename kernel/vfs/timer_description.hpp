// timerfd_create(2): a timer that is read (Linux: fs/timerfd.c).
#pragma once

#include "kernel/clock_timer.hpp"
#include "kernel/vfs/pipe.hpp"

namespace fl::kernel {

class TimerDescription final : public NamelessDescription {
public:
    TimerDescription(int flags, NamelessFile file, System& system, TimerClock timer_clock, bool wakes_machine);
    TimerDescription(const TimerDescription&) = delete;
    TimerDescription& operator=(const TimerDescription&) = delete;
    ~TimerDescription() override;

    bool can_write() const override { return false; }
    std::string path() const override { return "anon_inode:[timerfd]"; }
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> seek(System&, std::int64_t, int) override { return 0; }  // noop_llseek()
    short ready_events() const override { return ticks_ != 0 ? POLLIN : short{0}; }
    std::vector<WaitQueue*> wait_queues() override { return {&changed_}; }

    // CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM.
    bool wakes_machine() const { return wakes_machine_; }
    struct Mode {
        bool is_absolute;
        bool cancel_on_set;
    };
    // Answers with what was set before, and whether a step of the clock was not told yet (ECANCELED).
    TimerSetting set(const TimerSetting& setting, Mode mode, bool& was_canceled);
    TimerSetting current();

private:
    void expired();
    void clock_was_set();
    bool take_canceled();
    void catch_up();

    Clock& clock_;
    TimerClock timer_clock_;
    bool wakes_machine_;
    ClockTimer timer_;
    std::uint64_t ticks_ = 0;  // what the next read gets
    std::uint64_t interval_ns_ = 0;
    bool has_expired_ = false;    // since it was armed, and was not armed again
    std::uint64_t observer_ = 0;  // of steps of the clock; 0: it may not be canceled
    bool is_canceled_ = false;
    WaitQueue changed_;
};

}  // namespace fl::kernel
