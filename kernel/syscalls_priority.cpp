// Nice values and I/O priorities, which are kept and change nothing (Linux: kernel/sys.c, block/ioprio.c).
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"

#include <sys/resource.h>
#include <algorithm>
#include <optional>
#include <vector>

namespace fl::kernel {

namespace {

constexpr int lowest_nice = -20, highest_nice = 19;
constexpr unsigned class_shift = 13;
constexpr std::uint32_t class_none = 0, class_realtime = 1, class_best_effort = 2, class_idle = 3, level_count = 8;

// Whom the two arguments name. ioprio_get(2)'s kinds are one more than getpriority(2)'s.
enum class Kind : std::uint8_t { process, group, user };

// ESRCH where there is none.
Result<std::vector<Task*>> named_tasks(System& system, Kind kind, std::uint64_t argument) {
    const auto number = static_cast<std::uint32_t>(argument);
    const Task& self = system.task;
    std::vector<Task*> found;
    for (System* other : system.processes.tasks()) {
        Task& task = other->task;
        if (task.exit) continue;
        const bool meant = kind == Kind::process ? (number == 0 ? &task == &self : task.tid == number)
                           : kind == Kind::group
                               ? task.process->group == (number == 0 ? self.process->group : number)
                               : task.credentials.user.real == (number == 0 ? self.credentials.user.real : number);
        if (meant) found.push_back(&task);
    }
    return found.empty() ? fail(Errno::esrch) : Result<std::vector<Task*>>(std::move(found));
}

// set_one_prio(). EPERM, EACCES.
Result<void> set_nice(const System& system, Task& task, int nice) {
    const Credentials& who = system.task.credentials;
    const Identity& owner = task.credentials.user;
    const bool privileged = who.may(Capability::sys_nice);
    const bool same_user = owner.real == who.user.effective || owner.effective == who.user.effective;
    if (!same_user && !privileged) return fail(Errno::eperm);
    const auto as_limit = static_cast<std::uint64_t>(highest_nice + 1 - nice);
    const bool within_limit = as_limit <= soft_limit(task.process->limits, Limit::nice);
    if (nice < task.scheduling.nice && !within_limit && !privileged) return fail(Errno::eacces);
    task.scheduling.nice = nice;
    return {};
}

// ioprio_check_cap()
Result<void> check_io_priority(const System& system, std::uint32_t priority) {
    const Credentials& who = system.task.credentials;
    const std::uint32_t level = priority & (level_count - 1);
    switch (priority >> class_shift & (level_count - 1)) {
        case class_realtime:
            if (!who.may(Capability::sys_admin) && !who.may(Capability::sys_nice)) return fail(Errno::eperm);
            return {};
        case class_best_effort:
        case class_idle: return {};
        case class_none: return level == 0 ? Result<void>{} : fail(Errno::einval);
        default: return fail(Errno::einval);
    }
}

Result<Kind> kind_of(std::int32_t which) {
    return which >= 0 && which <= PRIO_USER ? Result<Kind>(static_cast<Kind>(which)) : fail(Errno::einval);
}

// The better of two: the lower class, and within it the lower level (ioprio_best).
std::uint32_t better(std::uint32_t a, std::uint32_t b) {
    if (a == 0) return b;
    return b == 0 ? a : std::min(a, b);
}

}  // namespace

// The answer is 20 - nice, as negative numbers are errors.
Result<std::uint64_t> sys_getpriority(System& system, const Arguments& a) {
    const auto kind = kind_of(int_argument(a[0]));
    if (!kind) return fail(kind.error());
    const auto tasks = named_tasks(system, *kind, a[1]);
    if (!tasks) return fail(tasks.error());
    int best = highest_nice;
    for (const Task* task : *tasks) best = std::min(best, task->scheduling.nice);
    return static_cast<std::uint64_t>(highest_nice + 1 - best);
}

Result<std::uint64_t> sys_setpriority(System& system, const Arguments& a) {
    const auto kind = kind_of(int_argument(a[0]));
    if (!kind) return fail(kind.error());
    const int nice = std::clamp(int_argument(a[2]), lowest_nice, highest_nice);
    const auto tasks = named_tasks(system, *kind, a[1]);
    if (!tasks) return fail(tasks.error());
    std::optional<Errno> refusal;
    for (Task* task : *tasks) {
        if (auto done = set_nice(system, *task, nice); !done) refusal = done.error();
    }
    return refusal ? Result<std::uint64_t>(fail(*refusal)) : 0;
}

Result<std::uint64_t> sys_ioprio_get(System& system, const Arguments& a) {
    const auto kind = kind_of(int_argument(a[0]) - 1);
    if (!kind) return fail(kind.error());
    const auto tasks = named_tasks(system, *kind, a[1]);
    if (!tasks) return fail(tasks.error());
    std::uint32_t best = 0;
    for (const Task* task : *tasks) best = better(best, task->scheduling.io_priority);
    return best;
}

Result<std::uint64_t> sys_ioprio_set(System& system, const Arguments& a) {
    const auto priority = static_cast<std::uint32_t>(a[2]);
    if (auto allowed = check_io_priority(system, priority); !allowed) return fail(allowed.error());
    const auto kind = kind_of(int_argument(a[0]) - 1);
    if (!kind) return fail(kind.error());
    const auto tasks = named_tasks(system, *kind, a[1]);
    if (!tasks) return fail(tasks.error());
    const Credentials& who = system.task.credentials;
    for (Task* task : *tasks) {
        const std::uint32_t owner = task->credentials.user.real;
        const bool same_user = owner == who.user.effective || owner == who.user.real;
        if (!same_user && !who.may(Capability::sys_nice)) return fail(Errno::eperm);
        task->scheduling.io_priority = priority;
    }
    return 0;
}

}  // namespace fl::kernel
