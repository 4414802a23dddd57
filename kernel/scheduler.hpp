// Scheduler: which task runs, and how tasks wait (Linux: kernel/sched, kernel/time/hrtimer.c). One processor, round
// robin.
//
// A task runs on a fiber of its own until it waits, its time slice ends, or it is over; then run_one() returns and the
// machine runs the next. A task without a fiber (in tests) runs on its caller's stack: while it waits, the others run
// inside of its wait().
#pragma once

#include "kernel/clock.hpp"
#include "kernel/timers.hpp"
#include "kernel/wait_queue.hpp"

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
    std::optional<std::uint64_t> deadline_ns{};  // of CLOCK_MONOTONIC
    Interruptible interruptible = Interruptible::by_signals;
};

class Scheduler {
public:
    // Instructions that a task may run while others wait for the processor: 4 ms of virtual time.
    static constexpr std::uint64_t time_slice_instructions = 4'000'000;

    // switch_to(task) makes the processor the task's, before it runs.
    Scheduler(Clock& clock, std::function<void(Task&)> switch_to) : clock_(clock), switch_to_(std::move(switch_to)) {}
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    Timers& timers() { return timers_; }
    const Timers& timers() const { return timers_; }
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
    // Lets the others run first.
    void yield(Task& task);
    // SIGSTOP and its like, until wake_stopped().
    void stop(Task& task);

    // Ends a task's wait; nothing where it does not wait.
    void wake(Task& task, WakeReason reason);
    void wake_stopped(Task& task);
    // A signal has come: ends the waits that it may end.
    void signal_arrived(Task& task);

    // Expired timers have their effect. To be called whenever time has gone by.
    void tick();
    // How many instructions the task may run before tick() has to be called; nullopt: no matter.
    std::optional<std::uint64_t> instruction_budget() const;

    // Runs the next task until it gives the processor up; where none is ready, waits for a timer, for the host, or for
    // a signal of the host's.
    void run_one();

private:
    void suspend(Task& task);
    void idle();
    bool poll_host(int timeout_ms);

    Clock& clock_;
    std::function<void(Task&)> switch_to_;
    Timers timers_;
    std::deque<Task*> ready_;
    struct HostWait {
        Task* task;
        HostEvent event;
    };
    std::vector<HostWait> host_waits_;
};

}  // namespace fl::kernel
