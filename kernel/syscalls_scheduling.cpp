// Scheduling policies and affinity (Linux: kernel/sched/syscalls.c).
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"

#include <algorithm>
#include <cstddef>

namespace fl::kernel {

namespace {

constexpr std::uint32_t reset_on_fork = 0x4000'0000;  // SCHED_RESET_ON_FORK
constexpr std::uint64_t flag_reset_on_fork = 1, flag_keep_policy = 8, flag_keep_parameters = 0x10, all_flags = 0x7f,
                        clamp_flags = 0x60;
constexpr int keep_policy = -1;  // SETPARAM_POLICY
constexpr int lowest_nice = -20, highest_nice = 19;
constexpr std::uint64_t cpu_mask_bytes = 8;

struct UserAttributes {  // struct sched_attr
    std::uint32_t size_bytes, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime_ns, deadline_ns, period_ns;
    std::uint32_t clamp_min, clamp_max;
};
static_assert(sizeof(UserAttributes) == 56);
constexpr std::uint32_t first_attributes_bytes = 48;  // SCHED_ATTR_SIZE_VER0

// The task that a call names; 0 is the caller. EINVAL, ESRCH.
Result<Task*> named_task(System& system, std::uint64_t argument) {
    const std::int32_t tid = int_argument(argument);
    if (tid < 0) return fail(Errno::einval);
    if (tid == 0) return &system.task;
    System* found = system.processes.find_task(static_cast<std::uint32_t>(tid));
    return found != nullptr && !found->task.exit ? Result<Task*>(&found->task) : fail(Errno::esrch);
}

bool is_fair(int policy) { return policy == SchedulingPolicy::other || policy == SchedulingPolicy::batch; }
bool is_realtime(int policy) { return policy == SchedulingPolicy::fifo || policy == SchedulingPolicy::round_robin; }
bool is_known(int policy) {
    return is_fair(policy) || is_realtime(policy) || policy == SchedulingPolicy::idle ||
           policy == SchedulingPolicy::deadline;
}

std::uint64_t limit_of(const Task& task, Limit limit) { return soft_limit(task.process->limits, limit); }

// is_nice_reduction()
bool nice_is_within_limit(const Task& task, int nice) {
    return static_cast<std::uint64_t>(highest_nice + 1 - nice) <= limit_of(task, Limit::nice);
}

// What of a change only CAP_SYS_NICE may do (user_check_sched_setscheduler).
bool needs_privilege(const Task& caller, const Task& target, const SchedulingPolicy& wanted) {
    const SchedulingPolicy& now = target.scheduling;
    if (is_fair(wanted.policy) && wanted.nice < now.nice && !nice_is_within_limit(target, wanted.nice)) return true;
    if (wanted.is_realtime()) {
        const std::uint64_t most = limit_of(target, Limit::realtime_priority);
        if (wanted.policy != now.policy && most == 0) return true;
        if (wanted.priority > now.priority && wanted.priority > most) return true;
    }
    const bool leaves_idle = now.policy == SchedulingPolicy::idle && wanted.policy != SchedulingPolicy::idle;
    if (leaves_idle && !nice_is_within_limit(target, now.nice)) return true;
    const std::uint32_t who = caller.credentials.user.effective;
    if (who != target.credentials.user.effective && who != target.credentials.user.real) return true;
    return now.reset_on_fork && !wanted.reset_on_fork;
}

// __sched_setscheduler()
Result<void> set_policy(System& system, Task& target, SchedulingPolicy wanted) {
    if (wanted.policy == keep_policy) {
        wanted.policy = target.scheduling.policy;
        wanted.reset_on_fork = target.scheduling.reset_on_fork;
    } else if (!is_known(wanted.policy)) {
        return fail(Errno::einval);
    }
    if (wanted.priority > SchedulingPolicy::max_priority) return fail(Errno::einval);
    if (is_realtime(wanted.policy) != (wanted.priority != 0)) return fail(Errno::einval);
    const bool privileged = system.task.credentials.may(Capability::sys_nice);
    if (needs_privilege(system.task, target, wanted) && !privileged) return fail(Errno::eperm);
    // Nobody keeps deadlines here.
    if (wanted.policy == SchedulingPolicy::deadline) return fail(Errno::eperm);
    if (!is_fair(wanted.policy)) wanted.nice = target.scheduling.nice;
    wanted.io_priority = target.scheduling.io_priority;
    target.scheduling = wanted;
    system.scheduler.priority_changed(target);
    return {};
}

// sched_setscheduler(2) and sched_setparam(2).
Result<std::uint64_t> set_scheduler(System& system, std::uint64_t tid, int policy, std::uint64_t parameter) {
    if (parameter == 0 || int_argument(tid) < 0) return fail(Errno::einval);
    const auto priority = system.user().read<std::int32_t>(VirtAddr(parameter));
    if (!priority) return fail(priority.error());
    const auto target = named_task(system, tid);
    if (!target) return fail(target.error());
    SchedulingPolicy wanted = (*target)->scheduling;
    wanted.policy = policy;
    wanted.priority = static_cast<std::uint32_t>(*priority);
    if (policy != keep_policy) {
        wanted.reset_on_fork = (static_cast<std::uint32_t>(policy) & reset_on_fork) != 0;
        wanted.policy = static_cast<int>(static_cast<std::uint32_t>(policy) & ~reset_on_fork);
    }
    return answer(set_policy(system, **target, wanted));
}

// sched_copy_attr(): what this kernel does not know has to be zero. E2BIG tells how much it knows.
Result<UserAttributes> read_attributes(System& system, std::uint64_t address) {
    const auto too_large = [&] {
        const auto known = static_cast<std::uint32_t>(sizeof(UserAttributes));
        (void)system.user().write(VirtAddr(address), known);
        return fail(Errno::e2big);
    };
    const auto given = system.user().read<std::uint32_t>(VirtAddr(address));
    if (!given) return fail(given.error());
    const std::uint32_t size_bytes = *given == 0 ? first_attributes_bytes : *given;
    if (size_bytes < first_attributes_bytes || size_bytes > page_size) return too_large();
    UserAttributes attributes{};
    const auto known = std::min<std::size_t>(size_bytes, sizeof attributes);
    const auto bytes = std::as_writable_bytes(std::span(&attributes, 1)).first(known);
    if (auto done = system.user().copy_from(VirtAddr(address), bytes); !done) return fail(done.error());
    for (std::uint64_t at = known; at < size_bytes; ++at) {
        const auto byte = system.user().read<std::uint8_t>(VirtAddr(address + at));
        if (!byte) return fail(byte.error());
        if (*byte != 0) return too_large();
    }
    if ((attributes.flags & clamp_flags) != 0 && size_bytes < sizeof attributes) return fail(Errno::einval);
    attributes.nice = std::clamp(attributes.nice, lowest_nice, highest_nice);
    return attributes;
}

std::uint64_t slice_ns(const SchedulingPolicy& policy) {
    if (policy.policy == SchedulingPolicy::fifo) return 0;
    return policy.is_realtime() ? Scheduler::round_robin_slice_instructions : Scheduler::time_slice_instructions;
}

}  // namespace

Result<std::uint64_t> sys_sched_setscheduler(System& system, const Arguments& a) {
    if (int_argument(a[1]) < 0) return fail(Errno::einval);
    return set_scheduler(system, a[0], int_argument(a[1]), a[2]);
}
Result<std::uint64_t> sys_sched_setparam(System& system, const Arguments& a) {
    return set_scheduler(system, a[0], keep_policy, a[1]);
}

Result<std::uint64_t> sys_sched_getscheduler(System& system, const Arguments& a) {
    const auto task = named_task(system, a[0]);
    if (!task) return fail(task.error());
    const SchedulingPolicy& policy = (*task)->scheduling;
    return static_cast<std::uint32_t>(policy.policy) | (policy.reset_on_fork ? reset_on_fork : 0);
}

Result<std::uint64_t> sys_sched_getparam(System& system, const Arguments& a) {
    if (a[1] == 0) return fail(Errno::einval);
    const auto task = named_task(system, a[0]);
    if (!task) return fail(task.error());
    return answer(system.user().write(VirtAddr(a[1]), (*task)->scheduling.priority));
}

Result<std::uint64_t> sys_sched_setattr(System& system, const Arguments& a) {
    if (a[1] == 0 || int_argument(a[0]) < 0 || static_cast<std::uint32_t>(a[2]) != 0) return fail(Errno::einval);
    const auto attributes = read_attributes(system, a[1]);
    if (!attributes) return fail(attributes.error());
    if (static_cast<std::int32_t>(attributes->policy) < 0) return fail(Errno::einval);
    const auto target = named_task(system, a[0]);
    if (!target) return fail(target.error());
    if ((attributes->flags & ~all_flags) != 0) return fail(Errno::einval);
    SchedulingPolicy wanted = (*target)->scheduling;
    const bool keeps_parameters = (attributes->flags & flag_keep_parameters) != 0;
    if (!keeps_parameters) wanted.nice = attributes->nice, wanted.priority = attributes->priority;
    wanted.reset_on_fork = (attributes->flags & flag_reset_on_fork) != 0;
    wanted.policy = (attributes->flags & flag_keep_policy) != 0 ? keep_policy : static_cast<int>(attributes->policy);
    return answer(set_policy(system, **target, wanted));
}

Result<std::uint64_t> sys_sched_getattr(System& system, const Arguments& a) {
    const auto size_bytes = static_cast<std::uint32_t>(a[2]);
    const bool fits = size_bytes >= first_attributes_bytes && size_bytes <= page_size;
    if (a[1] == 0 || !fits || static_cast<std::uint32_t>(a[3]) != 0) return fail(Errno::einval);
    const auto task = named_task(system, a[0]);
    if (!task) return fail(task.error());
    const SchedulingPolicy& policy = (*task)->scheduling;
    UserAttributes attributes{};
    attributes.size_bytes = std::min<std::uint32_t>(size_bytes, sizeof attributes);
    attributes.policy = static_cast<std::uint32_t>(policy.policy);
    attributes.flags = policy.reset_on_fork ? flag_reset_on_fork : 0;
    if (is_fair(policy.policy)) {
        attributes.nice = policy.nice;
        attributes.runtime_ns = Scheduler::time_slice_instructions;
    }
    attributes.priority = policy.priority;
    const auto bytes = std::as_bytes(std::span(&attributes, 1)).first(attributes.size_bytes);
    return answer(system.user().copy_to(VirtAddr(a[1]), bytes));
}

Result<std::uint64_t> sys_sched_get_priority_max(System&, const Arguments& a) {
    const int policy = int_argument(a[0]);
    if (!is_known(policy)) return fail(Errno::einval);
    return is_realtime(policy) ? SchedulingPolicy::max_priority : 0;
}
Result<std::uint64_t> sys_sched_get_priority_min(System&, const Arguments& a) {
    const int policy = int_argument(a[0]);
    if (!is_known(policy)) return fail(Errno::einval);
    return is_realtime(policy) ? 1 : 0;
}

Result<std::uint64_t> sys_sched_rr_get_interval(System& system, const Arguments& a) {
    const auto task = named_task(system, a[0]);
    if (!task) return fail(task.error());
    return answer(system.user().write(VirtAddr(a[1]), timespec_of(slice_ns((*task)->scheduling))));
}

Result<std::uint64_t> sys_sched_yield(System& system, const Arguments&) {
    system.scheduler.yield(system.task);
    return 0;
}

// There is one processor: a mask has to have it.
Result<std::uint64_t> sys_sched_setaffinity(System& system, const Arguments& a) {
    std::uint64_t mask = 0;
    const auto length = std::min<std::uint64_t>(static_cast<std::uint32_t>(a[1]), sizeof mask);
    const auto bytes = std::as_writable_bytes(std::span(&mask, 1)).first(length);
    if (auto done = system.user().copy_from(VirtAddr(a[2]), bytes); !done) return fail(done.error());
    const auto target = int_argument(a[0]) < 0 ? Result<Task*>(fail(Errno::esrch)) : named_task(system, a[0]);
    if (!target) return fail(target.error());
    const std::uint32_t who = system.task.credentials.user.effective;
    const Identity& owner = (*target)->credentials.user;
    if (who != owner.effective && who != owner.real && !system.task.credentials.may(Capability::sys_nice)) {
        return fail(Errno::eperm);
    }
    return (mask & 1) != 0 ? Result<std::uint64_t>(0) : fail(Errno::einval);
}

Result<std::uint64_t> sys_sched_getaffinity(System& system, const Arguments& a) {
    // At least a bit for each processor, and whole words.
    if (static_cast<std::uint32_t>(a[1]) == 0 || a[1] % cpu_mask_bytes != 0) return fail(Errno::einval);
    const auto target = int_argument(a[0]) < 0 ? Result<Task*>(fail(Errno::esrch)) : named_task(system, a[0]);
    if (!target) return fail(target.error());
    const std::uint64_t only_processor_0 = 1;
    if (auto done = system.user().write(VirtAddr(a[2]), only_processor_0); !done) return fail(done.error());
    return cpu_mask_bytes;
}

Result<std::uint64_t> sys_getcpu(System& system, const Arguments& a) {
    const std::uint32_t first = 0;  // of processors and of memory nodes
    if (auto done = write_optional(system, a[0], first); !done) return fail(done.error());
    return answer(write_optional(system, a[1], first));
}

}  // namespace fl::kernel
