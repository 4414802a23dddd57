// LazyTlb: in whose page tables the processor is while a task runs that has no address space of its own (Linux: lazy
// TLB mode; kernel/sched/core.c, context_switch(); Documentation/mm/active_mm.rst).
//
// A kernel thread borrows the page tables of whoever ran before it: they hold the kernel's half as well as any. The
// structure must stay for so long, so the borrower counts in mm_count; what a program has mapped is none of its
// business, so it does not count in mm_users, and the last user's end takes the mappings away under it. Who follows a
// borrower, and has no address space either, takes the loan over; a program's task that follows ends it.
//
// On one processor only the task that runs has an active_mm without an mm, so that it is kept here and not with the
// task. It is one of mm_count.
#pragma once

#include "mm/mm_struct.hpp"

#include <memory>

namespace fl::kernel {

struct Task;

class LazyTlb {
public:
    LazyTlb() = default;
    LazyTlb(const LazyTlb&) = delete;
    LazyTlb& operator=(const LazyTlb&) = delete;

    // The processor goes to `next` from whoever had it.
    void switch_to(Task& next);
    // exit_mm(): the task gives its address space up. Where it is the one that runs, it stays in the page tables until
    // the processor goes to somebody else.
    void exit_mm(Task& task);
    // The task is over and about to be forgotten: where nobody has followed it yet, the idle task (swapper) has.
    void forget(const Task& task);
    // No task runs any more: what is still borrowed is given back.
    void stop();

    // What task->active_mm is on Linux, of the task that runs; nullptr: of the idle task that has borrowed nothing.
    const mm::MmStruct* active_mm() const;

private:
    void give_back();

    const Task* current_ = nullptr;           // nullptr: the idle task
    std::shared_ptr<mm::MmStruct> borrowed_;  // by that one
};

}  // namespace fl::kernel
