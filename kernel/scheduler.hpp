// Scheduler: which task runs, and how tasks wait (Linux: kernel/sched, kernel/time/hrtimer.c). One processor, round
// robin; SCHED_FIFO and SCHED_RR go before all others, the higher priority first.
//
// A task runs on a fiber of its own until it waits, its time slice ends, or it is over; then run_one() returns and the
// machine runs the next. A task without a fiber (in tests) runs on its caller's stack: while it waits, the others run
// inside of its wait().
#pragma once

#include "kernel/clock.hpp"
#include "kernel/load_average.hpp"
#include "kernel/timers.hpp"
#include "kernel/wait_queue.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

namespace fl::kernel {

enum class WakeReason : std::uint8_t {
    event,    // a queue was woken; whether the event is still there is for the task to see
    signal,   // a signal is there that the task does not block
    timeout,  // the deadline has come
};

// Which signals end a wait early.
enum class Interruptible : std::uint8_t {
    by_signals,
    by_death,  // only those that end the task (TASK_KILLABLE)
};

// Something of the host's that a task waits for.
struct HostEvent {
    int fd;
    short events;  // of poll(2)
};

struct WaitRequest {
    std::span<WaitQueue* const> queues{};
    std::span<const HostEvent> host_events{};
    std::optional<std::uint64_t> deadline_ns{};
    TimeBase deadline_base = TimeBase::monotonic;
    Interruptible interruptible = Interruptible::by_signals;
};

class Scheduler {
public:
    // Instructions that a task may run while others wait for the processor: 4 ms of virtual time.
    static constexpr std::uint64_t time_slice_instructions = 4'000'000;
    // Of SCHED_RR: 100 ms (RR_TIMESLICE).
    static constexpr std::uint64_t round_robin_slice_instructions = 100'000'000;

    // switch_to(task) makes the processor the task's, before it runs.
    Scheduler(Clock& clock, std::function<void(Task&)> switch_to) : clock_(clock), switch_to_(std::move(switch_to)) {}
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    Timers& timers(TimeBase base = TimeBase::monotonic) { return timers_[static_cast<std::size_t>(base)]; }
    std::uint64_t now_ns(TimeBase base) const { return clock_.now_ns(base); }

    // Whose turn it is; nullptr: nobody's.
    Task* current() const { return current_; }
    // A task that runs on its caller's stack, for tests.
    void set_current(Task& task) { current_ = &task; }
    // Woken whenever a signal is queued, whoever's it is: for those who wait for signals by reading a file.
    WaitQueue& signal_queued() { return signal_queued_; }
    // Deadlines of all clocks.
    std::size_t timer_count() const {
        std::size_t count = 0;
        for (const Timers& timers : timers_) count += timers.count();
        return count;
    }
    // Tasks that are ready, and waits for the host.
    std::size_t queued_count() const { return ready_.size() + host_waits_.size(); }

    // A new task is ready to run.
    void add(Task& task);
    // It is over and will not run again.
    void remove(Task& task);
    // From the task itself.
    WakeReason wait(Task& task, const WaitRequest& request);
    WakeReason wait(Task& task, WaitQueue& queue, std::optional<std::uint64_t> deadline_ns = std::nullopt,
                    Interruptible interruptible = Interruptible::by_signals);
    // Lets the others run first, those of the same priority or a higher one.
    void yield(Task& task);
    // The task's slice is over, or somebody of a higher priority may be ready: lets go before it who comes first.
    void slice_over(Task& task);
    void preempt_for_higher(Task& task);
    // Its policy or priority is another.
    void priority_changed(Task& task);
    // SIGSTOP and its like, until wake_stopped().
    void stop(Task& task);

    // Ends a task's wait; nothing where it does not wait.
    void wake(Task& task, WakeReason reason);
    // The same, and it is the next of its like: who sleeps most of the time does not wait for others' slices.
    void wake_first(Task& task);
    void wake_stopped(Task& task);
    // A signal has come: ends the waits that it may end.
    void signal_arrived(Task& task);

    // Expired timers have their effect. To be called whenever time has gone by.
    void tick();
    // How many instructions the task may run before tick() has to be called; nullopt: no matter.
    std::optional<std::uint64_t> instruction_budget(const Task& task) const;
    // How many tasks are ready beside the one that runs.
    std::size_t ready_count() const { return ready_.size(); }
    std::uint64_t switch_count() const { return switch_count_; }
    // As of now, asked from a task that runs.
    LoadAverage::Loads load_average();

    // Runs the next task until it gives the processor up; where none is ready, waits for a timer, for the host, or for
    // a signal of the host's.
    void run_one();

private:
    enum class Place : std::uint8_t { behind_its_like, before_its_like };
    void enqueue(Task& task, Place place = Place::behind_its_like);
    void suspend(Task& task);
    std::optional<std::uint64_t> time_to_next_timer_ns() const;
    void idle();
    bool poll_host(int timeout_ms);

    Clock& clock_;
    std::function<void(Task&)> switch_to_;
    std::array<Timers, 3> timers_;  // by TimeBase
    Task* current_ = nullptr;
    WaitQueue signal_queued_;
    std::deque<Task*> ready_;  // the highest priority first
    std::uint64_t switch_count_ = 0;
    LoadAverage load_average_;
    struct HostWait {
        Task* task;
        HostEvent event;
    };
    std::vector<HostWait> host_waits_;
};

}  // namespace fl::kernel
