// WaitQueue: tasks that wait for the same event (Linux: wait_queue_head). Who is woken looks again whether what it
// waited for is there: being woken promises nothing.
//
// Invariant: a task is in a queue only while it is inside Scheduler::wait().
#pragma once

#include "emu/assert.hpp"

#include <cstdint>
#include <vector>

namespace fl::kernel {

struct Task;

class WaitQueue {
public:
    WaitQueue() = default;
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;
    ~WaitQueue() { FL_ASSERT(waiting_.empty()); }

    // In the order in which they came.
    void wake_all();
    bool is_empty() const { return waiting_.empty(); }

private:
    friend class Scheduler;
    void add(Task& task) { waiting_.push_back(&task); }
    void remove(const Task& task);

    std::vector<Task*> waiting_;
};

}  // namespace fl::kernel
