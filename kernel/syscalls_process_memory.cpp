// Advice on the memory of other processes, and what a process that ends gives back early (Linux: mm/madvise.c,
// mm/oom_kill.c).
#include "kernel/process_access.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_segments.hpp"

#include <sys/mman.h>

namespace fl::kernel {

namespace {

// process_madvise_remote_valid()
bool is_for_others(std::int32_t advice) {
    constexpr std::int32_t collapse = 25;  // MADV_COLLAPSE
    return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED || advice == collapse;
}

}  // namespace

Result<std::uint64_t> sys_process_madvise(System& system, const Arguments& a) {
    const std::int32_t advice = int_argument(a[3]);
    if (static_cast<std::uint32_t>(a[4]) != 0) return fail(Errno::einval);
    const auto segments = import_segments(system.user(), a[1], a[2]);
    if (!segments) return fail(segments.error());
    const auto task = task_of_pidfd(system, a[0]);
    if (!task) return fail(task.error());
    const auto space = access_space(system, *task);
    if (!space) return fail(space.error());
    const bool own = &space->mm() == system.task.mm.get();
    if (!own && !is_for_others(advice)) return fail(Errno::einval);
    if (!own && !system.task.credentials.may(Capability::sys_nice)) return fail(Errno::eperm);
    std::uint64_t done = 0;
    for (const Segment& segment : *segments) {
        const auto advised = advise_memory(system, space->mm(), space->user(),
                                           MemoryAdvice{VirtAddr(segment.base), segment.size_bytes, advice});
        if (!advised) return done > 0 ? Result<std::uint64_t>(done) : fail(advised.error());
        done += segment.size_bytes;
    }
    return done;
}

Result<std::uint64_t> sys_process_mrelease(System& system, const Arguments& a) {
    if (static_cast<std::uint32_t>(a[1]) != 0) return fail(Errno::einval);
    const auto task = task_of_pidfd(system, a[0]);
    if (!task) return fail(task.error());
    const Task& target = **task;
    if (target.mm == nullptr) return fail(Errno::esrch);
    // task_will_free_mem(): nobody who stays needs the memory.
    std::uint32_t ending = 0;
    for (const Task* thread : target.process->threads) {
        if (thread->mm == target.mm && (thread->exit || target.process->exit)) ++ending;
    }
    if (ending < target.mm->mm_users()) return fail(Errno::einval);
    target.mm->reap();
    return 0;
}

}  // namespace fl::kernel
