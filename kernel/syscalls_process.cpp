// The process: who it is, what it may use and has used, and its end (Linux: kernel/sys.c,
// arch/x86/kernel/process_64.c).
#include "kernel/kernel_version.hpp"
#include "kernel/memory_census.hpp"
#include "kernel/processes.hpp"
#include "kernel/rseq.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_usage.hpp"

#include <algorithm>
#include <cstring>

namespace fl::kernel {

namespace {

// arch_prctl(2) (arch/x86/include/uapi/asm/prctl.h).
constexpr std::uint64_t arch_set_gs = 0x1001, arch_set_fs = 0x1002, arch_get_fs = 0x1003, arch_get_gs = 0x1004,
                        arch_get_cpuid = 0x1011, arch_set_cpuid = 0x1012;

constexpr std::uint64_t robust_list_head_bytes = 24;
constexpr std::uint64_t nr_open = 1'048'576;  // the most that RLIMIT_NOFILE can be set to (fs/file.c)

constexpr std::uint64_t grnd_nonblock = 1, grnd_random = 2, grnd_insecure = 4;

Result<std::uint64_t> set_segment_base(std::uint64_t& base, std::uint64_t value) {
    if (value >= mm::task_size.value()) return fail(Errno::eperm);
    base = value;
    return 0;
}

bool is_self(const System& system, std::uint64_t pid_argument) {
    const std::int32_t pid = int_argument(pid_argument);
    return pid == 0 || static_cast<std::uint32_t>(pid) == system.task.pid;
}

// check_prlimit_permission()
bool may_change_limits(const Task& caller, const Task& target) {
    const auto is_only = [](const Identity& id, std::uint32_t number) {
        return id.real == number && id.effective == number && id.saved == number;
    };
    const Credentials& who = caller.credentials;
    return &caller == &target || who.may(Capability::sys_resource) ||
           (is_only(target.credentials.user, who.user.real) && is_only(target.credentials.group, who.group.real));
}

// do_prlimit(). What may be raised is the caller's to say.
Result<void> change_limit(const Task& caller, Task& task, Limit limit, const LimitPair& wanted) {
    if (wanted.soft > wanted.hard) return fail(Errno::einval);
    if (limit == Limit::open_files && wanted.hard > nr_open) return fail(Errno::eperm);
    const LimitPair& old = task.process->limits[static_cast<std::size_t>(limit)];
    if (wanted.hard > old.hard && !caller.credentials.may(Capability::sys_resource)) return fail(Errno::eperm);
    task.process->limits[static_cast<std::size_t>(limit)] = wanted;
    if (task.mm != nullptr) task.mm->limits() = task.memory_limits();
    return {};
}

struct UserNames {  // struct new_utsname
    static constexpr std::size_t length = 65;
    char system[length], node[length], release[length], version[length], machine[length], domain[length];
};

void set_name(char (&field)[UserNames::length], const char* text) { std::strncpy(field, text, sizeof field - 1); }

UserUsage usage_of(System& system, std::int32_t who) {
    constexpr std::int32_t children = -1, thread = 1;
    system.processes.account(system);
    if (who == children) return user_usage(system.task.process->children);
    if (who != thread) return user_usage(system.processes.usage_of(*system.task.process));
    Usage usage = system.task.usage;
    usage.max_rss = system.task.mm->hiwater_rss();
    return user_usage(usage);
}

struct UserSystemInfo {  // struct sysinfo
    std::int64_t uptime_s;
    std::uint64_t loads[3];
    std::uint64_t total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    std::uint16_t processes, padding;
    std::uint64_t total_high, free_high;
    std::uint32_t unit_bytes;
};
static_assert(sizeof(UserSystemInfo) == 112);

}  // namespace

Result<std::uint64_t> sys_arch_prctl(System& system, const Arguments& a) {
    emu::Registers& registers = system.task.registers;
    switch (int_argument(a[0])) {
        case arch_set_fs: return set_segment_base(registers.fs_base, a[1]);
        case arch_set_gs: return set_segment_base(registers.gs_base, a[1]);
        case arch_get_fs: return answer(system.user().write(VirtAddr(a[1]), registers.fs_base));
        case arch_get_gs: return answer(system.user().write(VirtAddr(a[1]), registers.gs_base));
        case arch_get_cpuid: return 1;  // CPUID works
        case arch_set_cpuid: return fail(Errno::enodev);
        default: return fail(Errno::einval);  // the calls of CET and of extended states, which there are not
    }
}

Result<std::uint64_t> sys_set_tid_address(System& system, const Arguments& a) {
    system.task.clear_child_tid = a[0];
    return system.task.tid;
}

// The list matters to the other threads when one dies; there are none yet.
Result<std::uint64_t> sys_set_robust_list(System& system, const Arguments& a) {
    if (a[1] != robust_list_head_bytes) return fail(Errno::einval);
    system.task.robust_list = a[0];
    return 0;
}

Result<std::uint64_t> sys_rseq(System& system, const Arguments& a) {
    constexpr std::uint32_t flag_unregister = 1;
    const RseqArea area{a[0], static_cast<std::uint32_t>(a[1]), static_cast<std::uint32_t>(a[3])};
    const auto flags = static_cast<std::uint32_t>(a[2]);
    if (flags == flag_unregister) return answer(unregister_rseq(system.task, area));
    if (flags != 0) return fail(Errno::einval);
    return answer(register_rseq(system.task, area));
}

Result<std::uint64_t> sys_prlimit64(System& system, const Arguments& a) {
    LimitPair wanted;
    if (a[2] != 0) {
        const auto read = system.user().read<LimitPair>(VirtAddr(a[2]));
        if (!read) return fail(read.error());
        wanted = *read;
    }
    const System* target =
        is_self(system, a[0]) ? &system : system.processes.find_task(static_cast<std::uint32_t>(a[0]));
    if (target == nullptr || target->task.exit) return fail(Errno::esrch);
    Task& task = target->task;
    if (!may_change_limits(system.task, task)) return fail(Errno::eperm);
    const auto number = static_cast<std::uint32_t>(a[1]);
    if (number >= limit_count) return fail(Errno::einval);
    const LimitPair previous = task.process->limits[number];
    if (a[2] != 0) {
        if (auto done = change_limit(system.task, task, static_cast<Limit>(number), wanted); !done)
            return fail(done.error());
    }
    return answer(write_optional(system, a[3], previous));
}

Result<std::uint64_t> sys_getrlimit(System& system, const Arguments& a) {
    const auto number = static_cast<std::uint32_t>(a[0]);
    if (number >= limit_count) return fail(Errno::einval);
    return answer(system.user().write(VirtAddr(a[1]), system.task.process->limits[number]));
}

Result<std::uint64_t> sys_setrlimit(System& system, const Arguments& a) {
    const auto wanted = system.user().read<LimitPair>(VirtAddr(a[1]));
    if (!wanted) return fail(wanted.error());
    const auto number = static_cast<std::uint32_t>(a[0]);
    if (number >= limit_count) return fail(Errno::einval);
    return answer(change_limit(system.task, system.task, static_cast<Limit>(number), *wanted));
}

Result<std::uint64_t> sys_uname(System& system, const Arguments& a) {
    UserNames names{};
    set_name(names.system, "Linux");
    set_name(names.node, system.processes.machine_names().node.c_str());
    set_name(names.release, kernel_release);
    set_name(names.version, kernel_version);
    set_name(names.machine, "x86_64");
    set_name(names.domain, system.processes.machine_names().domain.c_str());
    return answer(system.user().write(VirtAddr(a[0]), names));
}

Result<std::uint64_t> sys_getpid(System& system, const Arguments&) { return system.task.pid; }
Result<std::uint64_t> sys_gettid(System& system, const Arguments&) { return system.task.tid; }
Result<std::uint64_t> sys_getppid(System& system, const Arguments&) { return system.task.parent_pid(); }

Result<std::uint64_t> sys_getrandom(System& system, const Arguments& a) {
    const std::uint64_t flags = static_cast<std::uint32_t>(a[2]);
    if ((flags & ~(grnd_nonblock | grnd_random | grnd_insecure)) != 0) return fail(Errno::einval);
    constexpr std::uint64_t contradiction = grnd_random | grnd_insecure;
    if ((flags & contradiction) == contradiction) return fail(Errno::einval);
    const std::uint64_t count = std::min(a[1], max_transfer_bytes);
    std::uint64_t done = 0;
    std::array<std::byte, page_size> chunk{};
    while (done < count) {
        const auto part = std::span(chunk).first(std::min<std::uint64_t>(chunk.size(), count - done));
        system.random.fill(part);
        const auto target = VirtAddr(a[0]).checked_add(done);
        const std::uint64_t copied = target ? system.user().copy_to_partial(*target, part) : 0;
        done += copied;
        if (copied < part.size()) break;
    }
    if (done == 0 && count > 0) return fail(Errno::efault);
    return done;
}

Result<std::uint64_t> sys_getrusage(System& system, const Arguments& a) {
    constexpr std::int32_t self = 0, children = -1, thread = 1;
    const std::int32_t who = int_argument(a[0]);
    if (who != self && who != children && who != thread) return fail(Errno::einval);
    return answer(system.user().write(VirtAddr(a[1]), usage_of(system, who)));
}

Result<std::uint64_t> sys_sysinfo(System& system, const Arguments& a) {
    UserSystemInfo info{};
    info.uptime_s = static_cast<std::int64_t>(system.clock.monotonic_ns() / 1'000'000'000);
    const LoadAverage::Loads loads = system.scheduler.load_average();
    constexpr unsigned load_shift = 16 - LoadAverage::shift;  // SI_LOAD_SHIFT
    for (std::size_t i = 0; i < loads.size(); ++i) info.loads[i] = loads[i] << load_shift;
    info.total_ram = system.memory.buddy().managed_page_count().bytes();
    info.free_ram = system.memory.buddy().free_page_count().bytes();
    for (const auto& file : system.vfs.files().files()) {
        if (file->kind() == mm::FileKind::shared_memory) info.shared_ram += file->cached_page_count().bytes();
    }
    if (const mm::SwapDevice* swap = swap_of(system.memory)) {
        info.total_swap = swap->slot_count().bytes();
        info.free_swap = swap->free_slot_count().bytes();
    }
    info.processes = static_cast<std::uint16_t>(std::min<std::size_t>(system.processes.task_count(), 0xffff));
    info.unit_bytes = 1;
    return answer(system.user().write(VirtAddr(a[0]), info));
}

// The personality is kept; of what it can ask for, address randomisation is off anyway, and READ_IMPLIES_EXEC counts
// for mappings that are made or changed from now on.
Result<std::uint64_t> sys_personality(System& system, const Arguments& a) {
    constexpr std::uint32_t query = 0xffff'ffff;
    const auto wanted = static_cast<std::uint32_t>(a[0]);
    const std::uint32_t previous = system.task.personality;
    if (wanted != query) system.task.personality = wanted;
    return previous;
}

}  // namespace fl::kernel
