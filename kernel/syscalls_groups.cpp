// Process groups and sessions (Linux: kernel/sys.c).
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"

namespace fl::kernel {

namespace {

// The process that a pid names; 0 is the caller's own. ESRCH.
Result<Process*> named_process(const System& system, std::uint64_t argument) {
    const std::int32_t pid = int_argument(argument);
    if (pid == 0) return system.task.process.get();
    Process* found = pid > 0 ? system.processes.find_process(static_cast<std::uint32_t>(pid)) : nullptr;
    return found != nullptr ? Result<Process*>(found) : fail(Errno::esrch);
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
    self.terminal.reset();
    return self.pid;
}

}  // namespace fl::kernel
