#include "kernel/vfs/timer_description.hpp"

#include "kernel/system.hpp"
#include "kernel/user_time.hpp"

namespace fl::kernel {

TimerDescription::TimerDescription(int flags, NamelessFile file, System& system, TimerClock timer_clock,
                                   bool wakes_machine)
    : NamelessDescription(flags, file),
      clock_(system.clock),
      timer_clock_(std::move(timer_clock)),
      wakes_machine_(wakes_machine),
      timer_(system.scheduler, [this] { expired(); }) {}

TimerDescription::~TimerDescription() {
    if (observer_ != 0) clock_.forget_observer(observer_);
}

// timerfd_tmrproc().
void TimerDescription::expired() {
    has_expired_ = true;
    ++ticks_;
    changed_.wake_all();
}

void TimerDescription::clock_was_set() {
    is_canceled_ = true;
    ++ticks_;
    changed_.wake_all();
}

bool TimerDescription::take_canceled() { return std::exchange(is_canceled_, false) && observer_ != 0; }

// A timer with an interval goes on when somebody looks at it: what it missed counts.
void TimerDescription::catch_up() {
    if (!has_expired_ || interval_ns_ == 0) return;
    has_expired_ = false;
    ticks_ += timer_.forward(interval_ns_) - 1;
    timer_.restart();
}

Result<std::uint64_t> TimerDescription::read(System& system, UserSegments& into, std::uint64_t&) {
    std::uint64_t count = 0;
    if (into.bytes_left() < sizeof count) return fail(Errno::einval);
    while (ticks_ == 0) {
        if (blocking() == ByteChannel::Blocking::no) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, changed_) == WakeReason::signal) return fail(interrupted(system.task));
    }
    if (take_canceled()) {
        ticks_ = 0;
        has_expired_ = false;
        return fail(Errno::ecanceled);
    }
    catch_up();
    count = std::exchange(ticks_, 0);
    if (into.copy_to_guest(std::as_bytes(std::span(&count, 1))) != sizeof count) return fail(Errno::efault);
    return sizeof count;
}

TimerSetting TimerDescription::set(const TimerSetting& setting, Mode mode, bool& was_canceled) {
    const bool may_be_canceled = timer_clock_.base == TimeBase::realtime && mode.is_absolute && mode.cancel_on_set;
    if (may_be_canceled && observer_ == 0) {
        observer_ = clock_.observe_steps([this] { clock_was_set(); });
    } else if (!may_be_canceled && observer_ != 0) {
        clock_.forget_observer(observer_);
        observer_ = 0;
    }
    if (has_expired_ && interval_ns_ != 0) (void)timer_.forward(interval_ns_);
    const TimerSetting old{timer_.remaining_ns(), interval_ns_};
    has_expired_ = false;
    ticks_ = 0;
    interval_ns_ = setting.interval_ns;
    TimerClock clock = timer_clock_;
    // Setting the clock does not move what counts from now.
    if (!mode.is_absolute) clock.base = TimeBase::monotonic;
    timer_.set(clock, 0);
    was_canceled = false;
    if (setting.value_ns == 0) return old;
    timer_.set(clock, mode.is_absolute ? setting.value_ns : add_times(timer_.now_ns(), setting.value_ns));
    timer_.restart();
    was_canceled = take_canceled();
    return old;
}

TimerSetting TimerDescription::current() {
    catch_up();
    return {timer_.remaining_ns(), interval_ns_};
}

}  // namespace fl::kernel
