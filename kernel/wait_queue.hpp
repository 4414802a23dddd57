// WaitQueue: tasks that wait for the same event (Linux: wait_queue_head), and who only wants to hear of it. Who is
// woken looks again whether what it waited for is there: being woken promises nothing.
//
// Invariants: a task is in a queue only while it is inside Scheduler::wait(). A queue and its observers know of each
// other, so that either may go first.
#pragma once

#include "emu/assert.hpp"

#include <cstdint>
#include <vector>

namespace fl::kernel {

struct Task;
class WaitQueue;

// Hears of every waking and does not sleep (ep_poll_callback).
class WakeObserver {
public:
    // Of several exclusive observers of a queue one is told (EPOLLEXCLUSIVE).
    enum class Sharing : std::uint8_t { shared, exclusive };

    WakeObserver() = default;
    WakeObserver(const WakeObserver&) = delete;
    WakeObserver& operator=(const WakeObserver&) = delete;
    virtual ~WakeObserver();

    // What `events` (of poll(2); 0: anything) name may have come. Answers whether it is of use here.
    virtual bool on_wake(short events) = 0;
    void observe(WaitQueue& queue, Sharing sharing);

private:
    friend class WaitQueue;
    std::vector<WaitQueue*> queues_;
};

class WaitQueue {
public:
    WaitQueue() = default;
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;
    ~WaitQueue();

    // In the order in which they came. `events` as on_wake() has them.
    void wake_all(short events = 0);
    bool is_empty() const { return waiting_.empty(); }

private:
    friend class Scheduler;
    friend class WakeObserver;
    struct Observer {
        WakeObserver* observer;
        WakeObserver::Sharing sharing;
    };
    void add(Task& task) { waiting_.push_back(&task); }
    void remove(const Task& task);

    std::vector<Task*> waiting_;
    std::vector<Observer> observers_;
};

}  // namespace fl::kernel
