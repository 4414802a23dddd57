// User and group numbers (Linux: kernel/sys.c, kernel/groups.c).
#include "kernel/syscalls.hpp"

#include <algorithm>
#include <span>
#include <vector>

namespace fl::kernel {

namespace {

std::uint32_t id(std::uint64_t argument) { return static_cast<std::uint32_t>(argument); }

// commit_creds(): who became another is not to be looked into by those he was, nor told of his parent's end.
void commit(Task& task, const Credentials& before) {
    const Credentials& now = task.credentials;
    const bool is_another =
        now.user.effective != before.user.effective || now.group.effective != before.group.effective ||
        now.user.file_system != before.user.file_system || now.group.file_system != before.group.file_system;
    if (is_another || (now.capabilities.permitted & ~before.capabilities.permitted) != 0) {
        task.process->is_dumpable = false;
        task.parent_death_signal = 0;
    }
    task.mm->limits() = task.memory_limits();
}

template <class Change>
Result<std::uint64_t> change(System& system, Change&& make) {
    const Credentials before = system.task.credentials;
    Credentials wanted = before;
    if (auto done = make(wanted); !done) return fail(done.error());
    system.task.credentials = std::move(wanted);
    commit(system.task, before);
    return 0;
}

Result<std::uint64_t> write_three(System& system, const Arguments& a, const Identity& from) {
    const std::uint32_t numbers[] = {from.real, from.effective, from.saved};
    for (std::size_t i = 0; i < std::size(numbers); ++i) {
        if (auto done = system.user().write(VirtAddr(a[i]), numbers[i]); !done) return fail(done.error());
    }
    return 0;
}

}  // namespace

Result<std::uint64_t> sys_getuid(System& system, const Arguments&) { return system.task.credentials.user.real; }
Result<std::uint64_t> sys_geteuid(System& system, const Arguments&) { return system.task.credentials.user.effective; }
Result<std::uint64_t> sys_getgid(System& system, const Arguments&) { return system.task.credentials.group.real; }
Result<std::uint64_t> sys_getegid(System& system, const Arguments&) { return system.task.credentials.group.effective; }
Result<std::uint64_t> sys_getresuid(System& system, const Arguments& a) {
    return write_three(system, a, system.task.credentials.user);
}
Result<std::uint64_t> sys_getresgid(System& system, const Arguments& a) {
    return write_three(system, a, system.task.credentials.group);
}

Result<std::uint64_t> sys_setuid(System& system, const Arguments& a) {
    return change(system, [&](Credentials& who) { return who.set_user(id(a[0])); });
}
Result<std::uint64_t> sys_setgid(System& system, const Arguments& a) {
    return change(system, [&](Credentials& who) { return who.set_group(id(a[0])); });
}
Result<std::uint64_t> sys_setreuid(System& system, const Arguments& a) {
    return change(system, [&](Credentials& who) { return who.set_real_effective_user(id(a[0]), id(a[1])); });
}
Result<std::uint64_t> sys_setregid(System& system, const Arguments& a) {
    return change(system, [&](Credentials& who) { return who.set_real_effective_group(id(a[0]), id(a[1])); });
}
Result<std::uint64_t> sys_setresuid(System& system, const Arguments& a) {
    return change(system, [&](Credentials& who) { return who.set_all_users(id(a[0]), id(a[1]), id(a[2])); });
}
Result<std::uint64_t> sys_setresgid(System& system, const Arguments& a) {
    return change(system, [&](Credentials& who) { return who.set_all_groups(id(a[0]), id(a[1]), id(a[2])); });
}

// These answer with the number before, whether or not it could be changed.
Result<std::uint64_t> sys_setfsuid(System& system, const Arguments& a) {
    const std::uint32_t before = system.task.credentials.user.file_system;
    (void)change(system, [&](Credentials& who) { return who.set_file_system_user(id(a[0])), Result<void>{}; });
    return before;
}
Result<std::uint64_t> sys_setfsgid(System& system, const Arguments& a) {
    const std::uint32_t before = system.task.credentials.group.file_system;
    (void)change(system, [&](Credentials& who) { return who.set_file_system_group(id(a[0])), Result<void>{}; });
    return before;
}

Result<std::uint64_t> sys_getgroups(System& system, const Arguments& a) {
    const std::vector<std::uint32_t>& groups = system.task.credentials.groups;
    const std::int32_t room = int_argument(a[0]);
    if (room < 0) return fail(Errno::einval);
    if (room == 0) return groups.size();
    if (groups.size() > static_cast<std::size_t>(room)) return fail(Errno::einval);
    if (auto done = system.user().copy_to(VirtAddr(a[1]), std::as_bytes(std::span(groups))); !done) {
        return fail(done.error());
    }
    return groups.size();
}

Result<std::uint64_t> sys_setgroups(System& system, const Arguments& a) {
    constexpr std::uint32_t max_groups = 65536;  // NGROUPS_MAX
    Credentials& who = system.task.credentials;
    if (!who.may(Capability::setgid)) return fail(Errno::eperm);
    const auto count = static_cast<std::uint32_t>(a[0]);
    if (count > max_groups) return fail(Errno::einval);
    std::vector<std::uint32_t> groups(count);
    if (auto done = system.user().copy_from(VirtAddr(a[1]), std::as_writable_bytes(std::span(groups))); !done) {
        return fail(done.error());
    }
    if (std::ranges::find(groups, unchanged_id) != groups.end()) return fail(Errno::einval);
    std::ranges::sort(groups);
    who.groups = std::move(groups);
    return 0;
}

}  // namespace fl::kernel
