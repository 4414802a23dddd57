// Limits, scheduling, capabilities, groups, and what the system says of itself; see processes.hpp.
#include "kernel/resource_limits.hpp"
#include "kernel/strace/named.hpp"
#include "kernel/strace/processes.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <algorithm>

namespace fl::kernel::strace {

namespace {

constexpr FlagName resources[] = {{RLIMIT_CPU, "RLIMIT_CPU"},           {RLIMIT_FSIZE, "RLIMIT_FSIZE"},
                                  {RLIMIT_DATA, "RLIMIT_DATA"},         {RLIMIT_STACK, "RLIMIT_STACK"},
                                  {RLIMIT_CORE, "RLIMIT_CORE"},         {RLIMIT_RSS, "RLIMIT_RSS"},
                                  {RLIMIT_NPROC, "RLIMIT_NPROC"},       {RLIMIT_NOFILE, "RLIMIT_NOFILE"},
                                  {RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK"},   {RLIMIT_AS, "RLIMIT_AS"},
                                  {RLIMIT_LOCKS, "RLIMIT_LOCKS"},       {RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING"},
                                  {RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE"}, {RLIMIT_NICE, "RLIMIT_NICE"},
                                  {RLIMIT_RTPRIO, "RLIMIT_RTPRIO"},     {RLIMIT_RTTIME, "RLIMIT_RTTIME"}};
constexpr FlagName usage_whos[] = {
    {0, "RUSAGE_SELF"}, {0xffff'ffff, "RUSAGE_CHILDREN"}, {1, "RUSAGE_THREAD"}, {0xffff'fffe, "RUSAGE_BOTH"}};
constexpr FlagName schedulers[] = {{0, "SCHED_OTHER"}, {1, "SCHED_FIFO"}, {2, "SCHED_RR"},      {3, "SCHED_BATCH"},
                                   {4, "SCHED_ISO"},   {5, "SCHED_IDLE"}, {6, "SCHED_DEADLINE"}};
constexpr FlagName schedule_flags[] = {{1, "SCHED_FLAG_RESET_ON_FORK"},  {2, "SCHED_FLAG_RECLAIM"},
                                       {4, "SCHED_FLAG_DL_OVERRUN"},     {8, "SCHED_FLAG_KEEP_POLICY"},
                                       {16, "SCHED_FLAG_KEEP_PARAMS"},   {32, "SCHED_FLAG_UTIL_CLAMP_MIN"},
                                       {64, "SCHED_FLAG_UTIL_CLAMP_MAX"}};
constexpr FlagName priority_whos[] = {NAMED(PRIO_PROCESS), NAMED(PRIO_PGRP), NAMED(PRIO_USER)};
constexpr FlagName io_priority_whos[] = {{1, "IOPRIO_WHO_PROCESS"}, {2, "IOPRIO_WHO_PGRP"}, {3, "IOPRIO_WHO_USER"}};
constexpr FlagName io_classes[] = {
    {0, "IOPRIO_CLASS_NONE"}, {1, "IOPRIO_CLASS_RT"}, {2, "IOPRIO_CLASS_BE"}, {3, "IOPRIO_CLASS_IDLE"}};
constexpr FlagName random_flags[] = {{1, "GRND_NONBLOCK"}, {2, "GRND_RANDOM"}, {4, "GRND_INSECURE"}};
constexpr FlagName comparisons[] = {{0, "KCMP_FILE"},    {1, "KCMP_VM"}, {2, "KCMP_FILES"},  {3, "KCMP_FS"},
                                    {4, "KCMP_SIGHAND"}, {5, "KCMP_IO"}, {6, "KCMP_SYSVSEM"}};
constexpr FlagName persona_flags[] = {
    {0x0020000, "UNAME26"},          {0x0040000, "ADDR_NO_RANDOMIZE"},  {0x0080000, "FDPIC_FUNCPTRS"},
    {0x0100000, "MMAP_PAGE_ZERO"},   {0x0200000, "ADDR_COMPAT_LAYOUT"}, {0x0400000, "READ_IMPLIES_EXEC"},
    {0x0800000, "ADDR_LIMIT_32BIT"}, {0x1000000, "SHORT_INODE"},        {0x2000000, "WHOLE_SECONDS"},
    {0x4000000, "STICKY_TIMEOUTS"},  {0x8000000, "ADDR_LIMIT_3GB"}};
constexpr FlagName capability_versions[] = {{0x1998'0330, "_LINUX_CAPABILITY_VERSION_1"},
                                            {0x2007'1026, "_LINUX_CAPABILITY_VERSION_2"},
                                            {0x2008'0522, "_LINUX_CAPABILITY_VERSION_3"}};
constexpr std::array capabilities = {"CHOWN",
                                     "DAC_OVERRIDE",
                                     "DAC_READ_SEARCH",
                                     "FOWNER",
                                     "FSETID",
                                     "KILL",
                                     "SETGID",
                                     "SETUID",
                                     "SETPCAP",
                                     "LINUX_IMMUTABLE",
                                     "NET_BIND_SERVICE",
                                     "NET_BROADCAST",
                                     "NET_ADMIN",
                                     "NET_RAW",
                                     "IPC_LOCK",
                                     "IPC_OWNER",
                                     "SYS_MODULE",
                                     "SYS_RAWIO",
                                     "SYS_CHROOT",
                                     "SYS_PTRACE",
                                     "SYS_PACCT",
                                     "SYS_ADMIN",
                                     "SYS_BOOT",
                                     "SYS_NICE",
                                     "SYS_RESOURCE",
                                     "SYS_TIME",
                                     "SYS_TTY_CONFIG",
                                     "MKNOD",
                                     "LEASE",
                                     "AUDIT_WRITE",
                                     "AUDIT_CONTROL",
                                     "SETFCAP",
                                     "MAC_OVERRIDE",
                                     "MAC_ADMIN",
                                     "SYSLOG",
                                     "WAKE_ALARM",
                                     "BLOCK_SUSPEND",
                                     "AUDIT_READ",
                                     "PERFMON",
                                     "BPF",
                                     "CHECKPOINT_RESTORE"};

std::string limit_value_text(std::uint64_t value) {
    if (value == LimitPair::infinity) return "RLIM64_INFINITY";
    return value > 1024 && value % 1024 == 0 ? fmt::format("{}*1024", value / 1024) : std::to_string(value);
}

std::string processors_text(const Call& call, std::uint64_t address, std::uint64_t size_bytes) {
    constexpr std::uint64_t most_bytes = 1024;
    std::vector<std::byte> bytes(std::min(size_bytes, most_bytes));
    if (address == 0 || call.read(address, bytes) != bytes.size()) return address_text(address);
    std::string text;
    for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
        const bool set = (static_cast<unsigned>(bytes[i / 8]) >> (i % 8) & 1) != 0;
        if (set) text += (text.empty() ? "" : " ") + std::to_string(i);
    }
    return "[" + text + "]";
}

std::string groups_text(const Call& call, std::uint64_t address, std::int64_t count) {
    if (count < 0 || (count == 0 && address == 0)) return address_text(address);
    return array_text<std::uint32_t>(call, address, static_cast<std::uint64_t>(count), owner_text);
}

std::string capability_set_text(std::uint64_t bits) {
    std::string text;
    for (std::size_t i = 0; i < capabilities.size(); ++i) {
        if ((bits >> i & 1) == 0) continue;
        text += fmt::format("{}1<<CAP_{}", text.empty() ? "" : "|", capabilities.at(i));
        bits &= ~(std::uint64_t{1} << i);
    }
    if (bits != 0) text += fmt::format("{}{:#x}", text.empty() ? "" : "|", bits);
    return text.empty() ? "0" : text;
}

std::string io_priority_text(std::uint64_t value) {
    constexpr int class_shift = 13;
    return fmt::format("IOPRIO_PRIO_VALUE({}, {})",
                       value_text({io_classes, "IOPRIO_CLASS_???"}, (value & 0xffff'ffff) >> class_shift),
                       value & ((1U << class_shift) - 1));
}

std::string persona_text(std::uint64_t value) {
    constexpr std::uint64_t type_mask = 0xff;
    const std::uint64_t type = value & type_mask, options = value & 0xffff'ffff & ~type_mask;
    const std::string name = type == 0 ? "PER_LINUX" : fmt::format("{:#x} /* PER_??? */", type);
    return options == 0 ? name : name + "|" + flags_text({persona_flags, nullptr}, options);
}

}  // namespace

const Names resource_names{resources, "RLIMIT_???"};
const Names usage_who_names{usage_whos, "RUSAGE_???"};
const Names scheduler_names{schedulers, "SCHED_???"};
const Names schedule_flag_names{schedule_flags, "SCHED_FLAG_???"};
const Names priority_who_names{priority_whos, "PRIO_???"};
const Names io_priority_who_names{io_priority_whos, "IOPRIO_WHO_???"};
const Names random_flag_names{random_flags, "GRND_???"};
const Names kcmp_names{comparisons, "KCMP_???"};

std::string print_limit(const Argument& a) {
    return pointed_to<LimitPair>(a.call, a.value(), [](const LimitPair& limit) {
        return fmt::format("{{rlim_cur={}, rlim_max={}}}", limit_value_text(limit.soft), limit_value_text(limit.hard));
    });
}

std::string print_processor_set(const Argument& a) {
    return processors_text(a.call, a.value(), a.neighbour(-1) & 0xffff'ffff);
}
std::string print_filled_processor_set(const Argument& a) { return processors_text(a.call, a.value(), a.call.value()); }

std::string print_schedule_attributes(const Argument& a) {
    struct Attributes {
        std::uint32_t size, policy;
        std::uint64_t flags;
        std::int32_t nice;
        std::uint32_t priority;
        std::uint64_t runtime, deadline, period;
    };
    constexpr std::uint32_t first_version_bytes = 48, second_version_bytes = 56;
    return pointed_to<Attributes>(a.call, a.value(), [&a](const Attributes& s) {
        std::string text = fmt::format(
            "{{size={}, sched_policy={}, sched_flags={}, sched_nice={}, sched_priority={}, sched_runtime={}, "
            "sched_deadline={}, sched_period={}",
            s.size, value_text(scheduler_names, s.policy), flags_text(schedule_flag_names, s.flags), s.nice, s.priority,
            s.runtime, s.deadline, s.period);
        if (s.size >= second_version_bytes) {
            const auto clamps = a.call.peek<std::array<std::uint32_t, 2>>(a.value() + first_version_bytes);
            if (clamps) text += fmt::format(", sched_util_min={}, sched_util_max={}", (*clamps)[0], (*clamps)[1]);
        }
        return text + "}";
    });
}

std::string scheduler_result(const Call& call) {
    return fmt::format("{} ({})", call.value(), value_text(scheduler_names, call.value()));
}

std::string print_io_priority(const Argument& a) { return io_priority_text(a.value()); }
std::string io_priority_result(const Call& call) {
    return fmt::format("{} ({})", call.value(), io_priority_text(call.value()));
}

std::string capability_text(std::uint64_t number) {
    if (number < capabilities.size()) return fmt::format("CAP_{}", capabilities.at(number));
    return fmt::format("{:#x} /* CAP_??? */", number);
}

std::string print_capability_header(const Argument& a) {
    return pointed_to<std::array<std::uint32_t, 2>>(a.call, a.value(), [](const auto& header) {
        const char* version = find_name({capability_versions, nullptr}, header[0]);
        return fmt::format(
            "{{version={}, pid={}}}",
            version != nullptr ? version : hexadecimal_text(header[0]) + " /* _LINUX_CAPABILITY_VERSION_??? */",
            static_cast<std::int32_t>(header[1]));
    });
}

std::string print_capability_sets(const Argument& a) {
    const auto header = a.call.peek<std::uint32_t>(a.neighbour(-1));
    struct Words {
        std::uint32_t effective, permitted, inheritable;
    };
    const bool known = header && find_name({capability_versions, nullptr}, *header) != nullptr;
    if (!known) return address_text(a.value());
    const bool two_words = *header != capability_versions[0].value;
    const auto low = a.call.peek<Words>(a.value());
    const auto high = two_words ? a.call.peek<Words>(a.value() + sizeof(Words)) : Words{};
    if (!low || !high) return address_text(a.value());
    const auto set = [](std::uint32_t lower, std::uint32_t upper) {
        return capability_set_text(std::uint64_t{upper} << 32 | lower);
    };
    return fmt::format("{{effective={}, permitted={}, inheritable={}}}", set(low->effective, high->effective),
                       set(low->permitted, high->permitted), set(low->inheritable, high->inheritable));
}

std::string print_groups(const Argument& a) { return groups_text(a.call, a.value(), int_argument(a.neighbour(-1))); }

std::string print_filled_groups(const Argument& a) {
    if (a.neighbour(-1) == 0) return address_text(a.value());
    if (a.call.value() == 0 && a.value() != 0) return "[]";
    return groups_text(a.call, a.value(), static_cast<std::int64_t>(a.call.value()));
}

std::string print_names(const Argument& a) {
    struct SystemNames {
        std::array<char, 65> system, node;
    };
    return pointed_to<SystemNames>(a.call, a.value(), [](const SystemNames& names) {
        const auto text = [](const std::array<char, 65>& name) {
            const auto length = static_cast<std::size_t>(std::find(name.begin(), name.end(), '\0') - name.begin());
            return "\"" + escaped(std::as_bytes(std::span(name)).first(length)) + "\"";
        };
        return fmt::format("{{sysname={}, nodename={}, ...}}", text(names.system), text(names.node));
    });
}

std::string print_system_information(const Argument& a) {
    return pointed_to<struct sysinfo>(a.call, a.value(), [](const struct sysinfo& s) {
        return fmt::format(
            "{{uptime={}, loads=[{}, {}, {}], totalram={}, freeram={}, sharedram={}, bufferram={}, totalswap={}, "
            "freeswap={}, procs={}, totalhigh={}, freehigh={}, mem_unit={}}}",
            s.uptime, s.loads[0], s.loads[1], s.loads[2], s.totalram, s.freeram, s.sharedram, s.bufferram, s.totalswap,
            s.freeswap, s.procs, s.totalhigh, s.freehigh, s.mem_unit);
    });
}

std::string print_persona(const Argument& a) {
    return a.unsigned_value() == ~std::uint32_t{0} ? "0xffffffff" : persona_text(a.value());
}

std::string persona_result(const Call& call) {
    return fmt::format("{} ({})", hexadecimal_text(call.value()), persona_text(call.value()));
}

}  // namespace fl::kernel::strace
