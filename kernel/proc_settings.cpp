// /proc/sys and /sys: the rules that the kernel follows. Most of them cannot be changed (Linux: kernel/sysctl.c,
// drivers/base/cpu.c).
#include "kernel/kernel_version.hpp"
#include "kernel/proc_files.hpp"
#include "kernel/proc_huge_pages.hpp"
#include "kernel/processes.hpp"
#include "kernel/written_number.hpp"
#include "mm/mm_struct.hpp"
#include "mm/print_to.hpp"
#include "mm/reclaimer.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fl::kernel {

namespace {

constexpr std::uint64_t max_pid = 4'194'304;
constexpr std::uint64_t nr_open = 1'048'576, max_pipe_bytes = 1'048'576;

ProcGenerator number(std::uint64_t value) {
    return [value](const System&) -> Result<std::string> { return fmt::format("{}\n", value); };
}
ProcGenerator text(std::string value) {
    return [value = std::move(value)](const System&) -> Result<std::string> { return value + "\n"; };
}

// RFC 4122, version 4.
std::string random_uuid(Random& random) {
    std::array<std::uint8_t, 16> bytes{};
    random.fill(std::as_writable_bytes(std::span(bytes)));
    constexpr std::size_t version_at = 6, variant_at = 8;
    bytes[version_at] = static_cast<std::uint8_t>((bytes[version_at] & 0x0f) | 0x40);
    bytes[variant_at] = static_cast<std::uint8_t>((bytes[variant_at] & 0x3f) | 0x80);
    std::string uuid;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool starts_group = i == 4 || i == 6 || i == 8 || i == 10;
        print_to(uuid, "{}{:02x}", starts_group ? "-" : "", bytes[i]);
    }
    return uuid;
}

// The two names of uname(2) that sethostname(2) sets.
void add_name(ProcFs& proc, const char* path, std::string MachineNames::*name) {
    constexpr std::size_t max_bytes = 64;
    proc.add_writable_file(
        path,
        [name](const System& system) -> Result<std::string> { return system.processes.machine_names().*name + "\n"; },
        [name](System& system, std::string_view written) -> Result<void> {
            if (!system.task.credentials.may(Capability::sys_admin)) return fail(Errno::eperm);
            written = written.substr(0, written.find('\n'));
            system.processes.machine_names().*name = written.substr(0, max_bytes);
            return {};
        });
}

void add_kernel_settings(ProcFs& proc) {
    const auto add = [&proc](const std::string& name, ProcGenerator value) {
        proc.add_file("sys/kernel/" + name, std::move(value));
    };
    add("ostype", text("Linux"));
    add("osrelease", text(kernel_release));
    add("version", text(kernel_version));
    add_name(proc, "sys/kernel/hostname", &MachineNames::node);
    add_name(proc, "sys/kernel/domainname", &MachineNames::domain);
    add("pid_max", number(max_pid));
    add("threads-max",
        [](const System& system) -> Result<std::string> { return fmt::format("{}\n", system.processes.max_tasks()); });
    add("ns_last_pid",
        [](const System& system) -> Result<std::string> { return fmt::format("{}\n", system.processes.last_pid()); });
    add("ngroups_max", number(65536));
    add("cap_last_cap", number(capability_count - 1));
    add("tainted", number(0));
    add("randomize_va_space", number(0));
    add("core_pattern", text("core"));
    add("core_uses_pid", number(0));
    add("overflowuid", number(65534));
    add("overflowgid", number(65534));
    add("panic", number(0));
    add("printk", [](const System& system) -> Result<std::string> {
        return fmt::format("{}\t4\t1\t7\n", system.processes.kernel().log.console_level);
    });
    add("printk_devkmsg", text("ratelimit"));
    add("printk_ratelimit", number(RateLimit::interval_ns / 1'000'000'000));
    add("printk_ratelimit_burst", number(RateLimit::burst));
    add("dmesg_restrict", number(0));
    add("kptr_restrict", number(0));
    add("perf_event_paranoid", number(2));
    add("sched_rr_timeslice_ms", number(100));
    add("random/uuid", [](const System& system) -> Result<std::string> { return random_uuid(system.random) + "\n"; });
    // The same for as long as the machine runs.
    add("random/boot_id", [known = std::make_shared<std::string>()](const System& system) -> Result<std::string> {
        if (known->empty()) *known = random_uuid(system.random);
        return *known + "\n";
    });
    add("random/entropy_avail", number(256));
    add("random/poolsize", number(256));
}

// proc_dointvec_minmax(), of numbers from 0.
void add_centisecs(ProcFs& proc, const char* path, std::uint32_t WritebackSettings::*setting) {
    proc.add_writable_file(
        path,
        [setting](const System& system) -> Result<std::string> {
            return fmt::format("{}\n", system.processes.kernel().writeback.*setting);
        },
        [setting](System& system, std::string_view written) -> Result<void> {
            const auto value = written_setting(written);
            if (!value || *value < 0 || *value > std::numeric_limits<std::int32_t>::max()) return fail(Errno::einval);
            system.processes.kernel().writeback.*setting = static_cast<std::uint32_t>(*value);
            if (system.processes.kernel().writeback.changed) system.processes.kernel().writeback.changed();
            return {};
        });
}

void add_memory_settings(ProcFs& proc) {
    const auto add = [&proc](const std::string& name, ProcGenerator value) {
        proc.add_file("sys/vm/" + name, std::move(value));
    };
    add("overcommit_memory", number(0));
    add("overcommit_ratio", number(50));
    add("overcommit_kbytes", number(0));
    add("max_map_count", number(mm::max_map_count));
    add("mmap_min_addr", number(mm::mmap_min_addr.value()));
    add("legacy_va_layout", number(0));
    add("unprivileged_userfaultfd", number(0));
    add("nr_hugepages", number(0));
    add("panic_on_oom", number(0));
    // The one by whose end most is won is killed (oom_badness).
    add("oom_kill_allocating_task", number(0));
    // One page at a time comes back from swap.
    add("page-cluster", number(0));
    add_centisecs(proc, "sys/vm/dirty_writeback_centisecs", &WritebackSettings::interval_centisecs);
    add_centisecs(proc, "sys/vm/dirty_expire_centisecs", &WritebackSettings::expire_centisecs);
    add("min_free_kbytes", [](const System& system) -> Result<std::string> {
        const mm::Reclaimer* reclaimer = system.memory.reclaimer();
        const PageCount reserve = reclaimer != nullptr ? reclaimer->watermarks().min : PageCount(0);
        return fmt::format("{}\n", reserve.bytes() / 1024);
    });
}

void add_file_settings(ProcFs& proc) {
    const auto add = [&proc](const std::string& name, ProcGenerator value) {
        proc.add_file("sys/fs/" + name, std::move(value));
    };
    add("file-max", number(static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
    add("nr_open", number(nr_open));
    add("pipe-max-size", number(max_pipe_bytes));
    add("overflowuid", number(65534));
    add("overflowgid", number(65534));
    add("suid_dumpable", number(0));
    add("protected_hardlinks", number(0));
    add("protected_symlinks", number(0));
    add("protected_fifos", number(0));
    add("protected_regular", number(0));
}

// One processor and one node.
void add_devices(ProcFs& proc) {
    for (const char* const set : {"online", "possible", "present"}) {
        proc.add_sys_file(std::string("devices/system/cpu/") + set, text("0"));
        if (std::string_view(set) != "present") proc.add_sys_file(std::string("devices/system/node/") + set, text("0"));
    }
    proc.add_sys_file("devices/system/cpu/offline", text(""));
    proc.add_sys_file("devices/system/cpu/kernel_max", number(0));
    proc.add_sys_file("devices/system/cpu/cpu0/topology/core_id", number(0));
    proc.add_sys_file("devices/system/node/node0/cpulist", text("0"));
}

}  // namespace

void add_settings(ProcFs& proc) {
    add_kernel_settings(proc);
    add_memory_settings(proc);
    add_file_settings(proc);
    add_devices(proc);
    add_huge_page_files(proc);
}

}  // namespace fl::kernel
