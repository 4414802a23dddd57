// prctl(2): what a task sets and asks of itself (Linux: kernel/sys.c, security/commoncap.c).
#include "kernel/syscalls.hpp"
#include "kernel/thp_disabled.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace fl::kernel {

namespace {

// Newer than some C libraries' headers.
constexpr int pr_set_mdwe = 65, pr_get_mdwe = 66, pr_get_memory_merge = 68, pr_get_auxv = 0x4155'5856;
constexpr std::size_t comm_bytes = 16;  // TASK_COMM_LEN

using Answer = Result<std::uint64_t>;

// Whether the arguments from `first` on are zero, as the newer of these calls want it.
bool rest_is_zero(const Arguments& a, std::size_t first) {
    return std::all_of(a.begin() + static_cast<std::ptrdiff_t>(first), a.begin() + 5,
                       [](std::uint64_t argument) { return argument == 0; });
}

Answer set_name(System& system, std::uint64_t address) {
    std::string name;
    for (std::size_t i = 0; i < comm_bytes - 1; ++i) {
        const auto letter = system.user().read<char>(VirtAddr(address + i));
        if (!letter) return fail(letter.error());
        if (*letter == '\0') break;
        name += *letter;
    }
    system.task.name = std::move(name);
    return 0;
}

Answer get_name(System& system, std::uint64_t address) {
    std::array<char, comm_bytes> name{};
    system.task.name.copy(name.data(), name.size() - 1);
    return answer(system.user().write(VirtAddr(address), name));
}

// --- cap_task_prctl()

Answer drop_from_bounding_set(Credentials& who, std::uint64_t capability) {
    if (!who.may(Capability::setpcap)) return fail(Errno::eperm);
    if (capability >= capability_count) return fail(Errno::einval);
    who.capabilities.bounding &= ~(std::uint64_t{1} << capability);
    return 0;
}

Answer set_secure_bits(Credentials& who, std::uint64_t wanted) {
    constexpr std::uint32_t for_everybody = 0xf00;  // SECURE_ALL_UNPRIVILEGED and their locks
    const std::uint32_t old = who.secure_bits, changed = old ^ static_cast<std::uint32_t>(wanted);
    const bool breaks_lock = ((old & secure_all_locks) >> 1 & changed) != 0 || (old & secure_all_locks & ~wanted) != 0;
    if (breaks_lock || (wanted & ~std::uint64_t{secure_all_bits | secure_all_locks}) != 0) return fail(Errno::eperm);
    if ((changed & ~for_everybody) != 0 && !who.may(Capability::setpcap)) return fail(Errno::eperm);
    who.secure_bits = static_cast<std::uint32_t>(wanted);
    return 0;
}

Answer set_keep_capabilities(Credentials& who, std::uint64_t keep) {
    if (keep > 1) return fail(Errno::einval);
    if ((who.secure_bits & secure_keep_caps << 1) != 0) return fail(Errno::eperm);
    who.secure_bits = keep != 0 ? who.secure_bits | secure_keep_caps : who.secure_bits & ~secure_keep_caps;
    return 0;
}

Answer ambient_capability(Credentials& who, const Arguments& a) {
    CapabilitySets& sets = who.capabilities;
    if (a[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (!rest_is_zero(a, 2)) return fail(Errno::einval);
        sets.ambient = 0;
        return 0;
    }
    if (a[2] >= capability_count || !rest_is_zero(a, 3)) return fail(Errno::einval);
    const std::uint64_t bit = std::uint64_t{1} << a[2];
    switch (a[1]) {
        case PR_CAP_AMBIENT_IS_SET: return (sets.ambient & bit) != 0 ? 1 : 0;
        case PR_CAP_AMBIENT_LOWER: sets.ambient &= ~bit; return 0;
        case PR_CAP_AMBIENT_RAISE:
            if ((sets.permitted & sets.inheritable & bit) == 0) return fail(Errno::eperm);
            if ((who.secure_bits & secure_no_ambient_raise) != 0) return fail(Errno::eperm);
            sets.ambient |= bit;
            return 0;
        default: return fail(Errno::einval);
    }
}

// --- the machine

// PR_MCE_KILL
Answer set_memory_failure_policy(Task& task, const Arguments& a) {
    if (!rest_is_zero(a, 3)) return fail(Errno::einval);
    if (a[1] == PR_MCE_KILL_CLEAR) {
        if (a[2] != 0) return fail(Errno::einval);
        task.memory_failure_policy = PR_MCE_KILL_DEFAULT;
        return 0;
    }
    if (a[1] != PR_MCE_KILL_SET || a[2] > PR_MCE_KILL_DEFAULT) return fail(Errno::einval);
    task.memory_failure_policy = static_cast<int>(a[2]);
    return 0;
}

// prctl_set_mm(): only with a capability, and nobody has any use for it here.
Answer set_memory_map(const Arguments& a) {
    const bool takes_size = a[1] == PR_SET_MM_AUXV || a[1] == PR_SET_MM_MAP || a[1] == PR_SET_MM_MAP_SIZE;
    if (a[4] != 0 || (a[3] != 0 && !takes_size)) return fail(Errno::einval);
    return fail(Errno::eperm);
}

// Flag 2 leaves them to whoever asks by madvise(2).
Answer set_huge_pages_disabled(Task& task, const Arguments& a) {
    Process& process = *task.process;
    constexpr std::uint64_t except_advised = 2;
    if (!rest_is_zero(a, 3)) return fail(Errno::einval);
    if (a[1] == 0 ? a[2] != 0 : (a[2] & ~except_advised) != 0) return fail(Errno::einval);
    process.huge_pages_disabled = a[1] == 0 ? 0 : static_cast<std::uint32_t>(1 | a[2]);
    task.mm->set_thp_disabled(thp_disabled(process));
    return 0;
}

// What /proc/PID/status says: loads run ahead of stores, branches are predicted, and the cache is never flushed.
Answer speculation_control(const Arguments& a) {
    if (!rest_is_zero(a, 2)) return fail(Errno::einval);
    switch (a[1]) {
        case PR_SPEC_STORE_BYPASS:
        case PR_SPEC_INDIRECT_BRANCH: return PR_SPEC_ENABLE;
        case PR_SPEC_L1D_FLUSH: return PR_SPEC_FORCE_DISABLE;
        default: return fail(Errno::enodev);
    }
}

Answer copy_auxiliary_vector(System& system, const Arguments& a) {
    if (!rest_is_zero(a, 3)) return fail(Errno::einval);
    // AT_VECTOR_SIZE words, the rest of them zero.
    std::array<std::uint64_t, 56> words{};
    const auto& saved = system.task.mm->saved_auxv();
    std::copy_n(saved.begin(), std::min(saved.size(), words.size()), words.begin());
    const auto bytes = std::as_bytes(std::span(words)).first(std::min<std::uint64_t>(a[2], sizeof words));
    if (auto done = system.user().copy_to(VirtAddr(a[1]), bytes); !done) return fail(done.error());
    return sizeof words;
}

// PR_SET_TIMERSLACK: 0 is what the task began with.
Answer set_timer_slack(Task& task, std::uint64_t slack_ns) {
    if (task.scheduling.is_realtime()) return 0;
    task.timer_slack_ns = slack_ns == 0 ? task.default_timer_slack_ns : slack_ns;
    return 0;
}

Answer of_the_machine(System& system, const Arguments& a) {
    Task& task = system.task;
    switch (int_argument(a[0])) {
        case PR_GET_TIMING: return PR_TIMING_STATISTICAL;
        case PR_SET_TIMING: return a[1] == PR_TIMING_STATISTICAL ? Answer(0) : fail(Errno::einval);
        case PR_GET_TSC: return answer(system.user().write(VirtAddr(a[1]), std::int32_t{PR_TSC_ENABLE}));
        case PR_SET_TSC: return a[1] == PR_TSC_ENABLE ? Answer(0) : fail(Errno::einval);
        case PR_TASK_PERF_EVENTS_DISABLE:
        case PR_TASK_PERF_EVENTS_ENABLE: return 0;
        case PR_MCE_KILL: return set_memory_failure_policy(task, a);
        case PR_MCE_KILL_GET:
            return rest_is_zero(a, 1) ? Answer(static_cast<std::uint64_t>(task.memory_failure_policy))
                                      : fail(Errno::einval);
        case PR_SET_MM: return set_memory_map(a);
        case PR_SET_THP_DISABLE: return set_huge_pages_disabled(task, a);
        case PR_GET_THP_DISABLE:
            return rest_is_zero(a, 1) ? Answer(task.process->huge_pages_disabled) : fail(Errno::einval);
        case PR_GET_SPECULATION_CTRL: return speculation_control(a);
        case PR_SET_SPECULATION_CTRL: return fail(a[1] <= PR_SPEC_L1D_FLUSH ? Errno::enxio : Errno::enodev);
        case PR_SET_IO_FLUSHER:
        case PR_GET_IO_FLUSHER:
            // Nothing here waits for the disk that it writes to.
            if (!task.credentials.may(Capability::sys_resource)) return fail(Errno::eperm);
            return rest_is_zero(a, 1) ? Answer(0) : fail(Errno::einval);
        case PR_SET_SYSCALL_USER_DISPATCH: return a[1] == 0 && rest_is_zero(a, 2) ? Answer(0) : fail(Errno::einval);
        case pr_get_mdwe:
        case pr_get_memory_merge: return rest_is_zero(a, 1) ? Answer(0) : fail(Errno::einval);
        case pr_set_mdwe: return a[1] == 0 && rest_is_zero(a, 2) ? Answer(0) : fail(Errno::einval);
        case pr_get_auxv: return copy_auxiliary_vector(system, a);
        default: return fail(Errno::einval);
    }
}

}  // namespace

Result<std::uint64_t> sys_prctl(System& system, const Arguments& a) {
    Task& task = system.task;
    Credentials& who = task.credentials;
    switch (int_argument(a[0])) {
        case PR_SET_NAME: return set_name(system, a[1]);
        case PR_GET_NAME: return get_name(system, a[1]);
        case PR_SET_PDEATHSIG:
            if (a[1] > signal_count) return fail(Errno::einval);
            task.parent_death_signal = static_cast<int>(a[1]);
            return 0;
        case PR_GET_PDEATHSIG: return answer(system.user().write(VirtAddr(a[1]), task.parent_death_signal));
        case PR_SET_CHILD_SUBREAPER: task.process->is_subreaper = a[1] != 0; return 0;
        case PR_GET_CHILD_SUBREAPER:
            return answer(system.user().write(VirtAddr(a[1]), std::int32_t{task.process->is_subreaper ? 1 : 0}));
        case PR_GET_DUMPABLE: return task.process->is_dumpable ? 1 : 0;
        case PR_SET_DUMPABLE:
            if (a[1] > 1) return fail(Errno::einval);
            task.process->is_dumpable = a[1] == 1;
            return 0;
        case PR_GET_KEEPCAPS: return (who.secure_bits & secure_keep_caps) != 0 ? 1 : 0;
        case PR_SET_KEEPCAPS: return set_keep_capabilities(who, a[1]);
        case PR_CAPBSET_READ:
            return a[1] < capability_count ? Answer(who.capabilities.bounding >> a[1] & 1) : fail(Errno::einval);
        case PR_CAPBSET_DROP: return drop_from_bounding_set(who, a[1]);
        case PR_GET_SECUREBITS: return who.secure_bits;
        case PR_SET_SECUREBITS: return set_secure_bits(who, a[1]);
        case PR_CAP_AMBIENT: return ambient_capability(who, a);
        case PR_SET_NO_NEW_PRIVS:
            if (a[1] != 1 || !rest_is_zero(a, 2)) return fail(Errno::einval);
            task.no_new_privileges = true;
            return 0;
        case PR_GET_NO_NEW_PRIVS:
            return rest_is_zero(a, 1) ? Answer(task.no_new_privileges ? 1 : 0) : fail(Errno::einval);
        case PR_GET_TIMERSLACK: return task.scheduling.is_realtime() ? 0 : task.timer_slack_ns;
        case PR_SET_TIMERSLACK: return set_timer_slack(task, a[1]);
        case PR_GET_SECCOMP: return 0;
        case PR_GET_TID_ADDRESS: return answer(system.user().write(VirtAddr(a[1]), task.clear_child_tid));
        default: return of_the_machine(system, a);
    }
}

}  // namespace fl::kernel
