// Capabilities: capget and capset (Linux: kernel/capability.c, security/commoncap.c).
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"

#include <array>
#include <span>

namespace fl::kernel {

namespace {

struct UserHeader {  // struct __user_cap_header_struct
    std::uint32_t version;
    std::int32_t pid;
};

struct UserData {  // struct __user_cap_data_struct: 32 bits of each set
    std::uint32_t effective, permitted, inheritable;
};

constexpr std::uint32_t version_1 = 0x19980330, version_2 = 0x20071026, version_3 = 0x20080522;

// How many UserData belong to a version; EINVAL, with the newest version left in the header.
Result<std::size_t> data_count(System& system, VirtAddr header, std::uint32_t version) {
    if (version == version_1) return 1;
    if (version == version_2 || version == version_3) return 2;
    if (const auto written = system.user().write(header, version_3); !written) return fail(written.error());
    return fail(Errno::einval);
}

}  // namespace

Result<std::uint64_t> sys_capget(System& system, const Arguments& a) {
    const VirtAddr header_at(a[0]), data_at(a[1]);
    const auto header = system.user().read<UserHeader>(header_at);
    if (!header) return fail(header.error());
    const auto count = data_count(system, header_at, header->version);
    // Without a place for the data it is the version that was asked for.
    if (!count) return a[1] == 0 && count.error() == Errno::einval ? Result<std::uint64_t>(0) : fail(count.error());
    if (header->pid < 0) return fail(Errno::einval);
    const auto pid = static_cast<std::uint32_t>(header->pid);
    const System* target = pid == 0 ? &system : system.processes.find_task(pid);
    if (target == nullptr) return fail(Errno::esrch);
    const CapabilitySets& sets = target->task.credentials.capabilities;
    for (std::size_t i = 0; i < *count; ++i) {
        const UserData data{static_cast<std::uint32_t>(sets.effective >> 32 * i),
                            static_cast<std::uint32_t>(sets.permitted >> 32 * i),
                            static_cast<std::uint32_t>(sets.inheritable >> 32 * i)};
        if (const auto done = system.user().write(data_at + i * sizeof data, data); !done) return fail(done.error());
    }
    return 0;
}

Result<std::uint64_t> sys_capset(System& system, const Arguments& a) {
    const VirtAddr header_at(a[0]), data_at(a[1]);
    const auto header = system.user().read<UserHeader>(header_at);
    if (!header) return fail(header.error());
    const auto count = data_count(system, header_at, header->version);
    if (!count) return fail(count.error());
    if (header->pid != 0 && static_cast<std::uint32_t>(header->pid) != system.task.tid) return fail(Errno::eperm);
    CapabilitySets wanted{.effective = 0, .permitted = 0};
    for (std::size_t i = 0; i < *count; ++i) {
        const auto data = system.user().read<UserData>(data_at + i * sizeof(UserData));
        if (!data) return fail(data.error());
        wanted.effective |= std::uint64_t{data->effective} << 32 * i;
        wanted.permitted |= std::uint64_t{data->permitted} << 32 * i;
        wanted.inheritable |= std::uint64_t{data->inheritable} << 32 * i;
    }
    wanted.effective &= all_capabilities;
    wanted.permitted &= all_capabilities;
    wanted.inheritable &= all_capabilities;
    Task& task = system.task;
    const auto changed = task.credentials.set_capabilities(wanted.effective, wanted.permitted, wanted.inheritable);
    if (!changed) return fail(changed.error());
    task.mm->limits() = task.memory_limits();
    return 0;
}

}  // namespace fl::kernel
