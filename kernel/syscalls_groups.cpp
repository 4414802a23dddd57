// Process groups and sessions, and what a task says of itself (Linux: kernel/sys.c).
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"

#include <sys/prctl.h>

namespace fl::kernel {

namespace {

// The process that a pid names; 0 is the caller's own. ESRCH.
Result<Process*> named_process(const System& system, std::uint64_t argument) {
    const std::int32_t pid = int_argument(argument);
    if (pid == 0) return system.task.process.get();
    Process* found = pid > 0 ? system.processes.find_process(static_cast<std::uint32_t>(pid)) : nullptr;
    return found != nullptr ? Result<Process*>(found) : fail(Errno::esrch);
}

constexpr std::size_t comm_bytes = 16;  // TASK_COMM_LEN

Result<std::uint64_t> set_name(System& system, std::uint64_t address) {
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

Result<std::uint64_t> get_name(System& system, std::uint64_t address) {
    std::array<char, comm_bytes> name{};
    system.task.name.copy(name.data(), name.size() - 1);
    return answer(system.user().write(VirtAddr(address), name));
}

}  // namespace

Result<std::uint64_t> sys_getpgrp(System& system, const Arguments&) { return system.task.process->group; }

Result<std::uint64_t> sys_getpgid(System& system, const Arguments& a) {
    const auto process = named_process(system, a[0]);
    if (!process) return fail(process.error());
    return (*process)->group;
}

Result<std::uint64_t> sys_getsid(System& system, const Arguments& a) {
    const auto process = named_process(system, a[0]);
    if (!process) return fail(process.error());
    return (*process)->session;
}

Result<std::uint64_t> sys_setpgid(System& system, const Arguments& a) {
    Process& self = *system.task.process;
    if (int_argument(a[1]) < 0) return fail(Errno::einval);
    const auto process = named_process(system, a[0]);
    if (!process) return fail(process.error());
    Process& target = **process;
    const auto group = int_argument(a[1]) == 0 ? target.pid : static_cast<std::uint32_t>(a[1]);
    if (&target != &self) {
        if (target.parent != &self) return fail(Errno::esrch);
        if (target.session != self.session) return fail(Errno::eperm);
        if (target.has_executed) return fail(Errno::eacces);
    }
    if (target.session == target.pid) return fail(Errno::eperm);
    if (group != target.pid) {
        bool in_session = false;
        for (const auto& [pid, other] : system.processes.all()) {
            in_session = in_session || (other->group == group && other->session == self.session);
        }
        if (!in_session) return fail(Errno::eperm);
    }
    target.group = group;
    return 0;
}

Result<std::uint64_t> sys_setsid(System& system, const Arguments&) {
    Process& self = *system.task.process;
    if (self.session == self.pid || system.processes.group_exists(self.pid)) return fail(Errno::eperm);
    self.session = self.group = self.pid;
    return self.pid;
}

Result<std::uint64_t> sys_prctl(System& system, const Arguments& a) {
    Task& task = system.task;
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
            return answer(system.user().write(VirtAddr(a[1]), std::int32_t{task.process->is_subreaper}));
        case PR_GET_DUMPABLE: return task.process->is_dumpable ? 1 : 0;
        case PR_SET_DUMPABLE:
            if (a[1] > 1) return fail(Errno::einval);
            task.process->is_dumpable = a[1] == 1;
            return 0;
        case PR_GET_KEEPCAPS: return 0;
        case PR_GET_NO_NEW_PRIVS: return 0;
        case PR_SET_NO_NEW_PRIVS:
            return a[1] == 1 && a[2] == 0 && a[3] == 0 && a[4] == 0 ? Result<std::uint64_t>(0) : fail(Errno::einval);
        case PR_GET_TIMERSLACK: return 50'000;
        case PR_SET_TIMERSLACK: return 0;
        case PR_GET_SECCOMP: return 0;
        case PR_CAPBSET_READ: return a[1] <= 40 ? Result<std::uint64_t>(1) : fail(Errno::einval);
        case PR_GET_THP_DISABLE: return 0;
        default: return fail(Errno::einval);
    }
}

}  // namespace fl::kernel
