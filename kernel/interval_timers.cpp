#include "kernel/interval_timers.hpp"

#include "kernel/processes.hpp"
#include "kernel/user_time.hpp"

#include <sys/time.h>

#include <algorithm>

namespace fl::kernel {

IntervalTimers::IntervalTimers(Process& process, Processes& processes, Scheduler& scheduler)
    : process_(process),
      processes_(processes),
      timers_{One{{scheduler, [this] { expired(ITIMER_REAL); }}}, One{{scheduler, [this] { expired(ITIMER_VIRTUAL); }}},
              One{{scheduler, [this] { expired(ITIMER_PROF); }}}} {}

TimerClock IntervalTimers::clock_of(int which) const {
    if (which == ITIMER_REAL) return {};
    return {TimeBase::monotonic, true, process_.cpu_clock,
            which == ITIMER_VIRTUAL ? CpuTimeKind::user : CpuTimeKind::all};
}

// itimer_get_remtime(), get_cpu_itimer(): what is about to ring still has a little.
TimerSetting IntervalTimers::read(int which) const {
    const One& one = timer(which);
    if (!one.timer.is_armed()) return {0, one.interval_ns};
    const std::uint64_t left_ns = one.timer.remaining_ns();
    const std::uint64_t least_ns = which == ITIMER_REAL ? ns_per_us : Clock::tick_ns;
    return {left_ns != 0 ? left_ns : least_ns, one.interval_ns};
}

// Those that count processor time get a tick more than was asked for (set_cpu_itimer).
void IntervalTimers::set(int which, const TimerSetting& setting) {
    One& one = timer(which);
    const bool runs = setting.value_ns != 0;
    one.interval_ns = runs || which != ITIMER_REAL ? setting.interval_ns : 0;
    one.timer.set(clock_of(which), 0);
    if (!runs) return;
    const std::uint64_t value_ns =
        which == ITIMER_REAL ? setting.value_ns : add_times(setting.value_ns, Clock::tick_ns);
    one.timer.set(clock_of(which), add_times(one.timer.now_ns(), value_ns));
    one.timer.restart();
}

// it_real_fn(), check_cpu_itimer(). ITIMER_REAL goes on only once its signal is taken.
void IntervalTimers::expired(int which) {
    constexpr std::array signals = {SIGALRM, SIGVTALRM, SIGPROF};
    One& one = timer(which);
    if (which != ITIMER_REAL && one.interval_ns != 0) {
        (void)one.timer.forward(one.interval_ns);
        one.timer.restart();
    }
    (void)processes_.send_to_process(
        process_, SignalInfo{.number = signals[static_cast<std::size_t>(which)], .code = si_code_kernel});
}

void IntervalTimers::alarm_taken() {
    One& one = timer(ITIMER_REAL);
    if (one.interval_ns == 0 || one.timer.is_armed()) return;
    (void)one.timer.forward(one.interval_ns);
    one.timer.restart();
}

}  // namespace fl::kernel
