#include "kernel/ptrace_access.hpp"

namespace fl::kernel {

namespace {

bool is_only(const Identity& id, std::uint32_t number) {
    return id.real == number && id.effective == number && id.saved == number;
}

}  // namespace

bool may_ptrace(const Task& caller, const Task& target, PtraceMode mode) {
    if (caller.process == target.process) return true;
    const Credentials& who = caller.credentials;
    if (who.may(Capability::sys_ptrace)) return true;
    const bool by_file_system = mode == PtraceMode::file_system;
    const std::uint32_t user = by_file_system ? who.user.file_system : who.user.real;
    const std::uint32_t group = by_file_system ? who.group.file_system : who.group.real;
    if (!is_only(target.credentials.user, user) || !is_only(target.credentials.group, group)) return false;
    // Nobody looks into what can do more than he.
    const std::uint64_t own = by_file_system ? who.capabilities.effective : who.capabilities.permitted;
    return target.process->is_dumpable && (target.credentials.capabilities.permitted & ~own) == 0;
}

}  // namespace fl::kernel
