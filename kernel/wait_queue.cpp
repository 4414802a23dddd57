#include "kernel/wait_queue.hpp"

#include "kernel/scheduler.hpp"
#include "kernel/task.hpp"

namespace fl::kernel {

WakeObserver::~WakeObserver() {
    for (WaitQueue* queue : queues_) {
        std::erase_if(queue->observers_, [this](const auto& entry) { return entry.observer == this; });
    }
}

void WakeObserver::observe(WaitQueue& queue, Sharing sharing) {
    // The newest hears first, but exclusive ones are told in turn (add_wait_queue, add_wait_queue_exclusive).
    auto& observers = queue.observers_;
    observers.insert(sharing == Sharing::exclusive ? observers.end() : observers.begin(), {this, sharing});
    queues_.push_back(&queue);
}

WaitQueue::~WaitQueue() {
    FL_ASSERT(waiting_.empty());
    for (const Observer& entry : observers_) std::erase(entry.observer->queues_, this);
}

void WaitQueue::wake_all(short events) {
    // Waking takes nobody out: that is the task's own doing.
    for (Task* task : waiting_) task->scheduler->wake(*task, WakeReason::event);
    bool exclusive_is_told = false;
    for (const Observer& entry : observers_) {
        const bool exclusive = entry.sharing == WakeObserver::Sharing::exclusive;
        if (exclusive && exclusive_is_told) continue;
        const bool of_use = entry.observer->on_wake(events);
        exclusive_is_told = exclusive_is_told || (exclusive && of_use);
    }
}

void WaitQueue::remove(const Task& task) { std::erase(waiting_, &task); }

}  // namespace fl::kernel
