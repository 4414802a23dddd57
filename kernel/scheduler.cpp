#include "kernel/scheduler.hpp"

#include "kernel/fiber.hpp"
#include "kernel/host_signals.hpp"
#include "kernel/task.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace fl::kernel {

namespace {

std::uint32_t priority_of(const Task& task) { return task.scheduling.is_realtime() ? task.scheduling.priority : 0; }

}  // namespace

void Scheduler::enqueue(Task& task, Place place) {
    const std::uint32_t own = priority_of(task);
    const auto goes_behind = [&](const Task* other) {
        const std::uint32_t priority = priority_of(*other);
        return priority > own || (priority == own && place == Place::behind_its_like);
    };
    // Most often the last.
    auto at = ready_.end();
    while (at != ready_.begin() && !goes_behind(*std::prev(at))) --at;
    ready_.insert(at, &task);
    task.state = TaskState::ready;
}

void Scheduler::add(Task& task) {
    FL_ASSERT(task.scheduler == nullptr);
    task.scheduler = this;
    enqueue(task);
}

void Scheduler::remove(Task& task) {
    task.state = TaskState::over;
    std::erase(ready_, &task);
}

void Scheduler::suspend(Task& task) {
    if (task.fiber != nullptr) {
        task.fiber->suspend();
        return;
    }
    // On its caller's stack: the others run from here.
    while (task.state != TaskState::ready || ready_.front() != &task) run_one();
    ready_.pop_front();
    task.state = TaskState::running;
    current_ = &task;
    switch_to_(task);
}

WakeReason Scheduler::wait(Task& task, const WaitRequest& request) {
    const bool only_death = request.interruptible == Interruptible::by_death;
    if (task.exit || (!only_death && task.signals.has_unblocked())) return WakeReason::signal;
    task.state = TaskState::waiting;
    task.killable_only = only_death;
    for (WaitQueue* queue : request.queues) queue->add(task);
    for (const HostEvent& event : request.host_events) host_waits_.push_back({&task, event});
    std::optional<Timers::Id> timer;
    Timers& timers = this->timers(request.deadline_base);
    if (request.deadline_ns) {
        timer = timers.add(*request.deadline_ns, [this, &task] { wake(task, WakeReason::timeout); });
    }
    ++task.usage.voluntary_switches;
    suspend(task);
    if (timer) timers.cancel(*timer);
    for (WaitQueue* queue : request.queues) queue->remove(task);
    if (!request.host_events.empty()) {
        std::erase_if(host_waits_, [&task](const HostWait& wait) { return wait.task == &task; });
    }
    return task.wake_reason;
}

WakeReason Scheduler::wait(Task& task, WaitQueue& queue, std::optional<std::uint64_t> deadline_ns,
                           Interruptible interruptible) {
    const std::array<WaitQueue*, 1> queues{&queue};
    return wait(task, WaitRequest{.queues = queues, .deadline_ns = deadline_ns, .interruptible = interruptible});
}

void Scheduler::yield(Task& task) {
    if (ready_.empty() || priority_of(*ready_.front()) < priority_of(task)) return;
    enqueue(task);
    ++task.usage.involuntary_switches;
    suspend(task);
}

void Scheduler::slice_over(Task& task) {
    if (task.scheduling.policy == SchedulingPolicy::fifo) {
        preempt_for_higher(task);
    } else {
        yield(task);
    }
}

void Scheduler::preempt_for_higher(Task& task) {
    if (ready_.empty() || priority_of(*ready_.front()) <= priority_of(task)) return;
    enqueue(task, Place::before_its_like);
    ++task.usage.involuntary_switches;
    suspend(task);
}

void Scheduler::priority_changed(Task& task) {
    const auto found = std::ranges::find(ready_, &task);
    if (found == ready_.end()) return;
    // It moves no further than it has to: down it stays before its like, up behind them.
    const std::uint32_t own = priority_of(task);
    const bool fits_behind = found == ready_.begin() || priority_of(**std::prev(found)) > own;
    const bool sinks = std::next(found) != ready_.end() && priority_of(**std::next(found)) >= own;
    ready_.erase(found);
    enqueue(task, sinks && fits_behind ? Place::before_its_like : Place::behind_its_like);
}

void Scheduler::stop(Task& task) {
    if (task.exit) return;
    task.state = TaskState::stopped;
    suspend(task);
}

void Scheduler::wake(Task& task, WakeReason reason) {
    if (task.state != TaskState::waiting) return;
    task.wake_reason = reason;
    enqueue(task);
}

void Scheduler::wake_first(Task& task) {
    if (task.state != TaskState::waiting) return;
    task.wake_reason = WakeReason::event;
    enqueue(task, Place::before_its_like);
}

void Scheduler::wake_stopped(Task& task) {
    if (task.state == TaskState::stopped) enqueue(task);
}

void Scheduler::signal_arrived(Task& task) {
    if (task.exit) {
        wake_stopped(task);
        wake(task, WakeReason::signal);
    } else if (!task.killable_only && task.signals.has_unblocked()) {
        wake(task, WakeReason::signal);
    }
}

void Scheduler::tick() {
    for (const TimeBase base : {TimeBase::monotonic, TimeBase::realtime, TimeBase::tai}) {
        if (!timers(base).empty()) timers(base).expire(clock_.now_ns(base));
    }
}

// 0: one is due.
std::optional<std::uint64_t> Scheduler::time_to_next_timer_ns() const {
    std::optional<std::uint64_t> left;
    for (const TimeBase base : {TimeBase::monotonic, TimeBase::realtime, TimeBase::tai}) {
        const auto deadline = timers_[static_cast<std::size_t>(base)].first_deadline_ns();
        if (!deadline) continue;
        const std::uint64_t now = clock_.now_ns(base);
        const std::uint64_t own = *deadline > now ? *deadline - now : 0;
        left = std::min(left.value_or(own), own);
    }
    return left;
}

LoadAverage::Loads Scheduler::load_average() {
    load_average_.advance(clock_.monotonic_ns(), ready_.size() + 1);
    return load_average_.loads();
}

std::optional<std::uint64_t> Scheduler::instruction_budget(const Task& task) const {
    std::optional<std::uint64_t> budget;
    const bool shares = !ready_.empty() && priority_of(*ready_.front()) >= priority_of(task);
    if (shares && task.scheduling.policy != SchedulingPolicy::fifo) {
        budget = task.scheduling.is_realtime() ? round_robin_slice_instructions : time_slice_instructions;
    }
    if (const auto left = time_to_next_timer_ns()) {
        // An instruction takes a nanosecond at least.
        const std::uint64_t most = std::max<std::uint64_t>(*left, 1);
        budget = std::min(budget.value_or(most), most);
    }
    return budget;
}

void Scheduler::run_one() {
    tick();
    if (!host_waits_.empty()) (void)poll_host(0);
    if (ready_.empty()) {
        idle();
        return;
    }
    Task& task = *ready_.front();
    // One without a fiber is waiting for its turn in suspend(), on this very stack.
    if (task.fiber == nullptr) return;
    load_average_.advance(clock_.monotonic_ns(), ready_.size());
    ready_.pop_front();
    task.state = TaskState::running;
    current_ = &task;
    ++switch_count_;
    switch_to_(task);
    task.fiber->resume();
    current_ = nullptr;
}

// Wakes whose event is there; false where none is.
bool Scheduler::poll_host(int timeout_ms) {
    std::vector<pollfd> fds;
    for (const HostWait& wait : host_waits_) fds.push_back({wait.event.fd, wait.event.events, 0});
    if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
    for (std::size_t i = 0; i < fds.size(); ++i) {
        if (fds[i].revents != 0) wake(*host_waits_[i].task, WakeReason::event);
    }
    return true;
}

// Nobody can run. Virtual time jumps to the next timer, unless the host has something already; else it is waited for.
void Scheduler::idle() {
    constexpr int longest_ms = 100;  // so that a signal of the host's that slipped in between is seen
    if (HostSignals::arrived()) return;
    const auto left_ns = time_to_next_timer_ns();
    if (left_ns && (host_waits_.empty() || clock_.mode() == ClockMode::virtual_time)) {
        if (*left_ns > 0) (void)clock_.sleep_ns(*left_ns);
        load_average_.advance(clock_.monotonic_ns(), 0);
        return;
    }
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    int timeout_ms = longest_ms;
    if (left_ns) timeout_ms = static_cast<int>(std::min<std::uint64_t>(*left_ns / ns_per_ms, longest_ms));
    (void)poll_host(timeout_ms);
    load_average_.advance(clock_.monotonic_ns(), 0);
}

}  // namespace fl::kernel
