// Further tasks for a TestSystem, each on a fiber of its own, which share its address space and its descriptors: what
// waits for what another does.
#pragma once

#include "kernel/fiber.hpp"
#include "kernel_support.hpp"

#include <functional>
#include <initializer_list>
#include <memory>

namespace fl::test {

class OtherTask {
public:
    // Runs whenever the test's own task waits; `work` makes calls through call().
    OtherTask(TestSystem& test, std::function<void(OtherTask&)> work)
        : system_{task_,
                  test.system().cpu,
                  test.system().clock,
                  test.system().random,
                  test.system().memory,
                  test.system().faults,
                  test.system().vfs,
                  test.system().mmu,
                  test.system().scheduler,
                  test.system().processes,
                  test.system().futexes,
                  test.system().ipc,
                  nullptr,
                  {}} {
        const kernel::Task& like = test.task();
        task_.pid = task_.tid = task_.process->pid = like.pid + ++made;
        task_.mm = like.mm;
        task_.user_memory = like.user_memory;
        task_.files = like.files;
        task_.fs = like.fs;
        task_.fiber = std::make_unique<kernel::Fiber>([this, work = std::move(work)] {
            work(*this);
            system_.scheduler.remove(task_);
        });
        system_.scheduler.add(task_);
    }
    OtherTask(const OtherTask&) = delete;
    OtherTask& operator=(const OtherTask&) = delete;

    std::int64_t call(std::uint64_t number, std::initializer_list<std::uint64_t> arguments = {}) {
        emu::Registers& r = task_.registers;
        const std::array<std::uint64_t*, 6> slots = {&r.rdi, &r.rsi, &r.rdx, &r.r10, &r.r8, &r.r9};
        for (std::uint64_t* slot : slots) *slot = 0;
        std::size_t index = 0;
        for (const std::uint64_t argument : arguments) *slots[index++] = argument;
        r.rax = number;
        dispatcher_.dispatch(system_);
        return static_cast<std::int64_t>(r.rax);
    }
    bool is_over() const { return task_.state == kernel::TaskState::over; }
    bool waits() const { return task_.state == kernel::TaskState::waiting; }
    kernel::Task& task() { return task_; }

private:
    static inline std::uint32_t made = 0;
    kernel::Task task_;
    kernel::System system_;
    kernel::SyscallDispatcher dispatcher_;
};

// Lets the others run until none of them can.
inline void let_others_run(TestSystem& test) {
    for (int turn = 0; turn < 100; ++turn) test.call(SYS_sched_yield);
}

}  // namespace fl::test
