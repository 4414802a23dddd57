#include "kernel/posix_timers.hpp"

#include "kernel/processes.hpp"
#include "kernel/user_time.hpp"

#include <algorithm>
#include <limits>

namespace fl::kernel {

// struct k_itimer.
struct PosixTimers::Timer {
    enum class Status : std::uint8_t { disarmed, armed, requeue_pending };

    std::int32_t id;
    ClockId clock;
    std::weak_ptr<CpuClock> cpu;  // in place of the clock's own pointer
    TimerNotification notification;
    Status status = Status::disarmed;
    std::uint64_t interval_ns = 0;
    bool is_set = false;  // SIGEV_NONE: runs without being armed
    std::int64_t overrun = -1, last_overrun = 0;
    // Of the signal that waits in a queue, and of one that would count: setting the timer anew makes the first void.
    std::uint64_t queued_sequence = 0, sequence = 0;
    bool is_queued = false, is_ignored = false;
    ClockTimer timer;

    Timer(std::int32_t number, const ClockId& of, Scheduler& scheduler, std::function<void(Timer&)> expired)
        : id(number),
          clock(of),
          cpu(of.cpu),
          timer(scheduler, [this, expired = std::move(expired)] { expired(*this); }) {
        clock.cpu.reset();
    }
    bool is_silent() const { return notification.kind == TimerNotification::Kind::none; }
    TimerClock timer_clock() const {
        TimerClock made = clock.timer_clock();
        made.cpu = cpu;
        return made;
    }
};

PosixTimers::PosixTimers(Process& process, Processes& processes, Scheduler& scheduler)
    : process_(process), processes_(processes), scheduler_(scheduler) {}

PosixTimers::~PosixTimers() = default;

void PosixTimers::clear() { timers_.clear(); }

std::int32_t PosixTimers::add(const ClockId& clock, const std::optional<TimerNotification>& notification) {
    const auto advance = [this] { next_id_ = next_id_ == std::numeric_limits<std::int32_t>::max() ? 0 : next_id_ + 1; };
    while (timers_.contains(next_id_)) advance();
    const std::int32_t id = next_id_;
    advance();
    auto timer = std::make_unique<Timer>(id, clock, scheduler_, [this](Timer& expiring) { expired(expiring); });
    timer->notification = notification.value_or(TimerNotification{.value = static_cast<std::uint64_t>(id)});
    timers_.emplace(id, std::move(timer));
    return id;
}

PosixTimers::Timer* PosixTimers::find(std::int32_t id) {
    const auto found = timers_.find(id);
    return found == timers_.end() ? nullptr : found->second.get();
}

const PosixTimers::Timer* PosixTimers::find(std::int32_t id) const {
    const auto found = timers_.find(id);
    return found == timers_.end() ? nullptr : found->second.get();
}

std::size_t PosixTimers::idle_count() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(timers_, [](const auto& timer) { return !timer.second->is_queued; }));
}

// common_timer_get().
TimerSetting PosixTimers::read(Timer& timer) {
    if (!timer.is_set) return {};
    if (timer.interval_ns == 0 && timer.status == Timer::Status::disarmed && !timer.is_silent()) return {};
    if (timer.clock.counts_cpu_time() && timer.cpu.expired()) return {0, timer.interval_ns};
    if (timer.interval_ns != 0 && timer.status != Timer::Status::armed) {
        timer.overrun += static_cast<std::int64_t>(timer.timer.forward(timer.interval_ns));
    }
    const std::uint64_t left_ns = timer.timer.remaining_ns();
    if (left_ns != 0 || timer.is_silent()) return {left_ns, timer.interval_ns};
    return {1, timer.interval_ns};
}

Result<TimerSetting> PosixTimers::read(std::int32_t id) {
    Timer* timer = find(id);
    if (timer == nullptr) return fail(Errno::einval);
    return read(*timer);
}

// common_timer_set(), posix_cpu_timer_set().
Result<TimerSetting> PosixTimers::set(std::int32_t id, const TimerSetting& setting, bool is_absolute) {
    Timer* timer = find(id);
    if (timer == nullptr) return fail(Errno::einval);
    ++timer->sequence;
    if (timer->clock.counts_cpu_time() && timer->cpu.expired()) return fail(Errno::esrch);
    const TimerSetting old = read(*timer);
    const bool runs = setting.value_ns != 0;
    timer->status = Timer::Status::disarmed;
    timer->is_set = runs;
    timer->interval_ns = runs ? setting.interval_ns : 0;
    timer->overrun = -1;
    timer->last_overrun = 0;
    timer->is_ignored = false;
    TimerClock clock = timer->timer_clock();
    // Setting the clock does not move what counts from now.
    if (!is_absolute) clock.base = TimeBase::monotonic;
    timer->timer.set(clock, 0);
    if (!runs) return old;
    timer->timer.set(clock, is_absolute ? setting.value_ns : add_times(timer->timer.now_ns(), setting.value_ns));
    if (timer->is_silent()) return old;
    timer->status = Timer::Status::armed;
    timer->timer.restart();
    return old;
}

Result<std::int32_t> PosixTimers::overrun(std::int32_t id) const {
    const Timer* timer = find(id);
    if (timer == nullptr) return fail(Errno::einval);
    return static_cast<std::int32_t>(
        std::min<std::int64_t>(timer->last_overrun, std::numeric_limits<std::int32_t>::max()));
}

Result<void> PosixTimers::remove(std::int32_t id) {
    if (timers_.erase(id) == 0) return fail(Errno::einval);
    return {};
}

// posix_timer_queue_signal().
void PosixTimers::expired(Timer& timer) {
    timer.status = timer.interval_ns != 0 ? Timer::Status::requeue_pending : Timer::Status::disarmed;
    send(timer);
}

// posixtimer_send_sigqueue().
void PosixTimers::send(Timer& timer) {
    timer.queued_sequence = timer.sequence;
    if (timer.is_queued) return;
    const SignalInfo info{.number = timer.notification.signal,
                          .code = si_code_timer,
                          .detail = SignalInfo::Detail::timer,
                          .value = timer.notification.value,
                          .timer_id = timer.id};
    const bool to_thread = timer.notification.kind == TimerNotification::Kind::thread;
    const TimerTarget target{process_, to_thread ? timer.notification.thread : 0};
    switch (processes_.send_of_timer(target, info)) {
        case TimerSent::queued: timer.is_queued = true; break;
        case TimerSent::ignored: timer.is_ignored = timer.interval_ns != 0; break;
        case TimerSent::nobody: break;
    }
}

// __posixtimer_deliver_signal().
bool PosixTimers::taken(SignalInfo& info) {
    Timer* timer = find(info.timer_id);
    if (timer == nullptr || !timer->is_queued) return false;
    timer->is_queued = false;
    if (timer->queued_sequence != timer->sequence) return false;
    if (timer->interval_ns == 0 || timer->status != Timer::Status::requeue_pending) return true;
    timer->overrun += static_cast<std::int64_t>(timer->timer.forward(timer->interval_ns));
    timer->timer.restart();
    timer->status = Timer::Status::armed;
    timer->last_overrun = timer->overrun;
    timer->overrun = -1;
    ++timer->sequence;
    info.overrun = *overrun(timer->id);
    return true;
}

// posixtimer_sig_ignore().
void PosixTimers::discarded(const SignalInfo& info) {
    Timer* timer = find(info.timer_id);
    if (timer == nullptr || !timer->is_queued) return;
    timer->is_queued = false;
    timer->is_ignored = timer->interval_ns != 0 && timer->queued_sequence == timer->sequence;
}

// posixtimer_sig_unignore().
void PosixTimers::no_longer_ignored(int number) {
    for (const auto& [id, timer] : timers_) {
        if (timer->notification.signal != number || !timer->is_ignored) continue;
        timer->is_ignored = false;
        send(*timer);
    }
}

}  // namespace fl::kernel
