#include "kernel/task_memory.hpp"

namespace fl::kernel {

using mm::KernelObject;
using mm::new_kernel_object;

Result<TaskMemory> TaskMemory::create(mm::PhysicalMemory& memory) {
    TaskMemory made;
    auto task_struct = new_kernel_object(memory, KernelObject::task_struct);
    if (!task_struct) return fail(task_struct.error());
    made.task_struct = std::move(*task_struct);
    auto stack = mm::KernelStack::create(memory);
    if (!stack) return fail(stack.error());
    made.stack = std::move(*stack);
    auto pid = new_kernel_object(memory, KernelObject::pid);
    if (!pid) return fail(pid.error());
    made.pid = std::move(*pid);
    return made;
}

Result<ProcessMemory> ProcessMemory::create(mm::PhysicalMemory& memory, std::shared_ptr<mm::SlabObject> sighand) {
    ProcessMemory made;
    auto credentials = new_kernel_object(memory, KernelObject::cred);
    if (!credentials) return fail(credentials.error());
    made.credentials = std::move(*credentials);
    made.sighand = std::move(sighand);
    if (made.sighand == nullptr) {
        auto actions = new_kernel_object(memory, KernelObject::sighand_cache);
        if (!actions) return fail(actions.error());
        made.sighand = std::make_shared<mm::SlabObject>(std::move(*actions));
    }
    auto signal = new_kernel_object(memory, KernelObject::signal_cache);
    if (!signal) return fail(signal.error());
    made.signal = std::move(*signal);
    return made;
}

}  // namespace fl::kernel
