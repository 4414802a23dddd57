// TaskMemory, ProcessMemory: what tasks and processes take of the machine's memory, in the structures that Linux has
// for them (kernel/fork.c). The objects of this kernel live in the emulator's memory; these stand for them.
#pragma once

#include "mm/kernel_stack.hpp"
#include "mm/slab/kernel_object.hpp"

#include <memory>

namespace fl::kernel {

// A SlabObject of which a copy of its owner has none, until it is given its own.
class OwnSlabObject {
public:
    OwnSlabObject() = default;
    OwnSlabObject(const OwnSlabObject&) {}
    OwnSlabObject(OwnSlabObject&&) = default;
    OwnSlabObject& operator=(const OwnSlabObject&) = delete;
    OwnSlabObject& operator=(OwnSlabObject&&) = default;
    ~OwnSlabObject() = default;

    void hold(mm::SlabObject object) { object_ = std::move(object); }

private:
    mm::SlabObject object_;
};

struct TaskMemory {
    mm::SlabObject task_struct;
    mm::SlabObject pid;
    mm::KernelStack stack;

    // ENOMEM.
    static Result<TaskMemory> create(mm::PhysicalMemory& memory);
};

struct ProcessMemory {
    mm::SlabObject signal;
    mm::SlabObject credentials;               // all threads': of theirs that differ nothing is known here
    std::shared_ptr<mm::SlabObject> sighand;  // shared with CLONE_SIGHAND
    TaskMemory zombie;                        // its last thread's, without the stack

    // With the signal handlers of another process, where that is given. ENOMEM.
    static Result<ProcessMemory> create(mm::PhysicalMemory& memory, std::shared_ptr<mm::SlabObject> sighand = nullptr);
};

}  // namespace fl::kernel
