// What /proc/PID says of a process beside its memory: proc_files.hpp.
#include "kernel/proc_fd.hpp"
#include "kernel/proc_files.hpp"
#include "kernel/proc_mounts.hpp"
#include "kernel/proc_status.hpp"
#include "kernel/proc_task.hpp"
#include "kernel/processes.hpp"
#include "kernel/written_number.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>

#include <optional>

namespace fl::kernel {

namespace {

constexpr mode_t owner_reads = 0400;

Result<DentryPointer> existing(const DentryPointer& dentry) {
    return dentry != nullptr ? Result<DentryPointer>(dentry) : fail(Errno::enoent);
}

// comm_write() takes 15 bytes and drops the rest.
Result<void> set_name(System&, Task& task, std::string_view text) {
    constexpr std::size_t comm_length = 15;
    text = text.substr(0, std::min(text.find('\0'), comm_length));
    task.name = text;
    return {};
}

// __set_oom_adj(): who makes himself less likely to be killed needs a capability.
Result<void> set_oom_adjustment(System& system, Task& task, std::string_view text) {
    constexpr int most = 1000;
    const auto number = written_number(without_blanks(text));
    if (!number || *number < -most || *number > most) return fail(Errno::einval);
    Process& process = *task.process;
    const bool privileged = system.task.credentials.may(Capability::sys_resource);
    if (*number < process.least_oom_adjustment && !privileged) return fail(Errno::eacces);
    process.oom_score_adjustment = static_cast<int>(*number);
    if (privileged) process.least_oom_adjustment = process.oom_score_adjustment;
    return {};
}

Result<void> set_coredump_filter(System&, Task& task, std::string_view text) {
    constexpr std::uint32_t known = 0x1ff;  // MMF_DUMP_FILTER_MASK
    const auto number = written_number(text);
    if (!number || *number < 0) return fail(Errno::einval);
    if (task.mm == nullptr) return fail(Errno::esrch);
    task.process->coredump_filter = static_cast<std::uint32_t>(*number) & known;
    return {};
}

Result<void> set_timer_slack(System&, Task& task, std::string_view text) {
    const auto slack_ns = written_decimal<std::uint64_t>(text);
    if (!slack_ns) return fail(slack_ns.error());
    task.timer_slack_ns = *slack_ns == 0 ? task.default_timer_slack_ns : *slack_ns;
    return {};
}

// Where the task leads its process it stands for all its threads.
Usage usage_of(const System& system, const Task& task) {
    system.processes.account(system);
    if (task.tid == task.pid) return system.processes.usage_of(*task.process);
    Usage own = task.usage;
    own.max_rss = task.mm->hiwater_rss();
    return own;
}

std::string scheduling_text(const Task& task, const Usage& usage) {
    constexpr int default_kernel_priority = 120, realtime_top = 99;
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    const SchedulingPolicy& policy = task.scheduling;
    const int priority =
        policy.is_realtime() ? realtime_top - static_cast<int>(policy.priority) : default_kernel_priority + policy.nice;
    std::string text = fmt::format("{} ({}, #threads: {})\n", task.name, task.tid, task.process->threads.size());
    text += std::string(67, '-');
    text += '\n';
    const auto line = [&text](std::string_view name, const std::string& value) {
        print_to(text, "{:<45}:{:>21}\n", name, value);
    };
    const std::uint64_t run_ns = usage.time.total_ns();
    line("se.sum_exec_runtime", fmt::format("{}.{:06}", run_ns / ns_per_ms, run_ns % ns_per_ms));
    line("nr_switches", std::to_string(usage.voluntary_switches + usage.involuntary_switches));
    line("nr_voluntary_switches", std::to_string(usage.voluntary_switches));
    line("nr_involuntary_switches", std::to_string(usage.involuntary_switches));
    line("policy", std::to_string(policy.policy));
    line("prio", std::to_string(priority));
    return text;
}

// Threads do not have children of their own here: they are their leader's.
std::string children_text(const System& system, const Task& task) {
    std::string text;
    if (task.tid != task.pid) return text;
    for (const auto& [pid, process] : system.processes.all()) {
        if (process->parent == task.process.get()) text += std::to_string(pid) + " ";
    }
    return text;
}

void add_accounts(ProcFs& proc) {
    proc.add_process_file("status", [](const System& system, const Task& task) -> Result<std::string> {
        return proc_status(task, system.processes.queued_signals(task.credentials.user.real));
    });
    proc.add_process_file("stat", [](const System& system, const Task& task) -> Result<std::string> {
        return proc_stat(task, usage_of(system, task));
    });
    proc.add_process_file(
        "io",
        [](const System& system, const Task& task) -> Result<std::string> { return proc_io(usage_of(system, task)); },
        owner_reads, ProcReads::whole, ProcAccess::tracers);
    proc.add_process_file("sched", [](const System& system, const Task& task) -> Result<std::string> {
        return scheduling_text(task, usage_of(system, task));
    });
    // The time of waiting for the processor is not kept.
    proc.add_process_file("schedstat", [](const System& system, const Task& task) -> Result<std::string> {
        const Usage usage = usage_of(system, task);
        return fmt::format("{} 0 {}\n", usage.time.total_ns(), usage.voluntary_switches + usage.involuntary_switches);
    });
    proc.add_thread_file("children", [](const System& system, const Task& task) -> Result<std::string> {
        return children_text(system, task);
    });
}

void add_adjustable(ProcFs& proc) {
    proc.add_process_writable_file(
        "comm", [](const System&, const Task& task) { return task.name + "\n"; }, set_name);
    proc.add_process_file("oom_score", [](const System& system, const Task& task) -> Result<std::string> {
        return proc_oom_score(*task.process, system.memory);
    });
    proc.add_process_writable_file(
        "oom_score_adj",
        [](const System&, const Task& task) { return fmt::format("{}\n", task.process->oom_score_adjustment); },
        set_oom_adjustment);
    proc.add_process_writable_file(
        "coredump_filter",
        [](const System&, const Task& task) {
            return task.mm != nullptr ? fmt::format("{:08x}\n", task.process->coredump_filter) : std::string();
        },
        set_coredump_filter);
    proc.add_process_writable_file(
        "timerslack_ns", [](const System&, const Task& task) { return fmt::format("{}\n", task.timer_slack_ns); },
        set_timer_slack, 0666);
}

void add_links(ProcFs& proc) {
    proc.add_process_link("cwd", [](const System&, const Task& task) { return existing(task.fs->working_directory); });
    proc.add_process_link("exe", [](const System&, const Task& task) { return existing(task.exe_file); });
    proc.add_process_link("root", [](const System&, const Task& task) { return existing(task.fs->root); });
}

void add_zombies(ProcFs& proc) {
    proc.add_zombie_file("status", [](const System&, const Process& process) { return proc_zombie_status(process); });
    proc.add_zombie_file("stat", [](const System&, const Process& process) { return proc_zombie_stat(process); });
    proc.add_zombie_file("comm", [](const System&, const Process& process) { return process.name + "\n"; });
    for (const char* const empty : {"cmdline", "maps", "environ"}) {
        proc.add_zombie_file(empty, [](const System&, const Process&) { return std::string(); });
    }
    proc.add_zombie_file("statm", [](const System&, const Process&) { return std::string("0 0 0 0 0 0 0\n"); });
}

}  // namespace

void add_process_files(ProcFs& proc) {
    add_accounts(proc);
    add_adjustable(proc);
    add_links(proc);
    add_zombies(proc);
    add_descriptor_directories(proc);
    proc.add_process_file("limits", [](const System&, const Task& task) -> Result<std::string> {
        return proc_limits(task.process->limits);
    });
    // No names of the kernel's functions are known.
    proc.add_process_file("wchan", [](const System&, const Task&) -> Result<std::string> { return "0"; });
    proc.add_process_file(
        "personality",
        [](const System&, const Task& task) -> Result<std::string> {
            return fmt::format("{:08x}\n", task.personality);
        },
        owner_reads, ProcReads::whole, ProcAccess::tracers);
    proc.add_process_file(
        "mounts", [](const System& system, const Task&) -> Result<std::string> { return proc_mounts(system.vfs); });
    proc.add_process_file("mountinfo", [](const System& system, const Task&) -> Result<std::string> {
        return proc_mountinfo(system.vfs);
    });
}

}  // namespace fl::kernel
