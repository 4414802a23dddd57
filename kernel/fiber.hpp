// Fiber: a stack of its own for what a task does inside the kernel, so that it can wait there and go on later (Linux:
// the task's kernel stack and switch_to).
//
// Invariant: a fiber is left only by suspend() or at its end, never from inside the processor's run.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

namespace fl::kernel {

class Fiber {
public:
    // Of the host's address space; only what is used takes memory.
    static constexpr std::size_t stack_bytes = 1 << 20;

    // Begins with the first resume(). Throws std::bad_alloc where the host has no room for a stack.
    explicit Fiber(std::function<void()> work);
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;
    // It has come to its end, or was never begun.
    ~Fiber();

    // Runs it until it suspends itself or ends; what it throws comes out here.
    void resume();
    // Called by the fiber itself: back to where it was resumed.
    void suspend();
    bool is_finished() const { return finished_; }

private:
    struct Contexts;
    static void enter(unsigned high, unsigned low);
    void run();

    std::function<void()> work_;
    std::unique_ptr<Contexts> contexts_;
    std::byte* stack_;
    bool begun_ = false, finished_ = false;
    std::exception_ptr thrown_;
};

}  // namespace fl::kernel
