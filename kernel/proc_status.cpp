#include "kernel/proc_status.hpp"

#include "kernel/terminal.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <string_view>

namespace fl::kernel {

namespace {

constexpr unsigned least_descriptor_slots = 64;      // NR_OPEN_DEFAULT, what a table starts with
constexpr std::uint64_t clock_tick_ns = 10'000'000;  // USER_HZ = 100
constexpr int default_priority = 20;

std::uint64_t kib(PageCount pages) { return pages.bytes() / 1024; }

// What the image's code takes in pages, and the rest of what is executable (task_mem).
struct CodeSizes {
    PageCount text;
    PageCount libraries;
};

CodeSizes code_sizes(const mm::MmStruct& mm) {
    const VirtRange code{mm.bounds().start_code.page_floor(), mm.bounds().end_code.page_ceil()};
    const PageCount text = std::min(code.page_count(), mm.vm().exec);
    return CodeSizes{text, mm.vm().exec - text};
}

class StatusText {
public:
    void raw(std::string_view text) { text_ += text; }
    template <class Value>
    void field(std::string_view name, const Value& value) {
        print_to(text_, "{}:\t{}\n", name, value);
    }
    void identity(std::string_view name, const Identity& id) {
        print_to(text_, "{}:\t{}\t{}\t{}\t{}\n", name, id.real, id.effective, id.saved, id.file_system);
    }
    void memory(std::string_view name, std::uint64_t value_kib) { print_to(text_, "{}:\t{:>8} kB\n", name, value_kib); }
    void set(std::string_view name, std::uint64_t bits) { print_to(text_, "{}:\t{:016x}\n", name, bits); }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

// A name is one line, and says where it ends (proc_task_name: ESCAPE_SPACE | ESCAPE_SPECIAL of "\n\\").
std::string escaped_name(std::string_view name) {
    std::string text;
    for (const char c : name) {
        if (c == '\n') {
            text += "\\n";
        } else if (c == '\\') {
            text += "\\\\";
        } else {
            text += c;
        }
    }
    return text;
}

// fs/proc/array.c, task_state_array.
const char* state_text(const Task& task) {
    switch (task.state) {
        case TaskState::waiting: return task.killable_only ? "D (disk sleep)" : "S (sleeping)";
        case TaskState::stopped: return "T (stopped)";
        default: return "R (running)";
    }
}

void append_owner(StatusText& text, const Credentials& who) {
    text.identity("Uid", who.user);
    text.identity("Gid", who.group);
}

// A space stands behind the last.
std::string groups_text(const Credentials& who) { return fmt::format("{} ", fmt::join(who.groups, " ")); }

// A table grows by doubling.
std::size_t descriptor_slots(const Task& task) {
    const auto used = task.files->numbers();
    const std::size_t needed = used.empty() ? 0 : std::size_t{used.back()} + 1;
    return std::bit_ceil(std::max<std::size_t>(needed, least_descriptor_slots));
}

void append_identity(StatusText& text, const Task& task) {
    text.field("Name", escaped_name(task.name));
    text.field("Umask", fmt::format("{:04o}", task.fs->umask));
    text.field("State", state_text(task));
    text.field("Tgid", task.pid);
    text.field("Ngid", 0);
    text.field("Pid", task.tid);
    text.field("PPid", task.parent_pid());
    text.field("TracerPid", 0);
    append_owner(text, task.credentials);
    text.field("FDSize", descriptor_slots(task));
    text.field("Groups", groups_text(task.credentials));
    text.field("NStgid", task.pid);
    text.field("NSpid", task.tid);
    text.field("NSpgid", task.process->group);
    text.field("NSsid", task.process->session);
    text.field("Kthread", task.is_kernel_thread() ? 1 : 0);
}

void append_memory(StatusText& text, const Task& task) {
    const mm::MmStruct& mm = *task.mm;
    const mm::RssCounters& rss = mm.rss();
    const CodeSizes code = code_sizes(mm);
    text.memory("VmPeak", kib(mm.hiwater_vm()));
    text.memory("VmSize", kib(mm.vm().total));
    text.memory("VmLck", kib(mm.vm().locked));
    text.memory("VmPin", kib(mm::MmStruct::pinned_vm()));
    text.memory("VmHWM", kib(mm.hiwater_rss()));
    text.memory("VmRSS", kib(rss.total()));
    text.memory("RssAnon", kib(rss.anonymous));
    text.memory("RssFile", kib(rss.file));
    text.memory("RssShmem", kib(rss.shared_memory));
    text.memory("VmData", kib(mm.vm().data));
    text.memory("VmStk", kib(mm.vm().stack));
    text.memory("VmExe", kib(code.text));
    text.memory("VmLib", kib(code.libraries));
    text.memory("VmPTE", mm.pgtables_bytes() / 1024);
    text.memory("VmSwap", kib(mm.swap_entries()));
    text.memory("HugetlbPages", 0);
    text.field("CoreDumping", 0);
    text.field("THP_enabled", task.process->huge_pages_disabled == 0 ? 1 : 0);
    text.field("untag_mask", "0xffffffffffffffff");
}

void append_signals(StatusText& text, const Task& task, std::size_t queued) {
    const Signals& signals = task.signals;
    text.field("SigQ", fmt::format("{}/{}", queued, soft_limit(task.process->limits, Limit::pending_signals)));
    text.set("SigPnd", signals.pending(SignalQueue::thread).bits());
    text.set("ShdPnd", signals.pending(SignalQueue::process).bits());
    text.set("SigBlk", signals.blocked().bits());
    text.set("SigIgn", signals.ignored().bits());
    text.set("SigCgt", signals.caught().bits());
}

void append_capabilities(StatusText& text, const CapabilitySets& sets) {
    text.set("CapInh", sets.inheritable);
    text.set("CapPrm", sets.permitted);
    text.set("CapEff", sets.effective);
    text.set("CapBnd", sets.bounding);
    text.set("CapAmb", sets.ambient);
}

void append_rights(StatusText& text, const Task& task) {
    append_capabilities(text, task.credentials.capabilities);
    text.field("NoNewPrivs", task.no_new_privileges ? 1 : 0);
    text.field("Seccomp", 0);
    text.field("Seccomp_filters", 0);
    text.field("Speculation_Store_Bypass", "vulnerable");
    text.field("SpeculationIndirectBranch", "always enabled");
}

// One processor, and one node of the 1024 that a usual kernel has room for.
void append_places(StatusText& text, const Usage& usage) {
    constexpr unsigned empty_words = 1024 / 32 - 1;
    std::string nodes;
    for (unsigned i = 0; i < empty_words; ++i) nodes += "00000000,";
    text.field("Cpus_allowed", 1);
    text.field("Cpus_allowed_list", 0);
    text.field("Mems_allowed", nodes + "00000001");
    text.field("Mems_allowed_list", 0);
    text.field("voluntary_ctxt_switches", usage.voluntary_switches);
    text.field("nonvoluntary_ctxt_switches", usage.involuntary_switches);
}

// 31 signals, as one number: what stat has of a set.
std::uint64_t low_signals(SignalSet set) { return set.bits() & 0x7fff'ffff; }

}  // namespace

std::string proc_statm(const mm::MmStruct& mm) {
    const mm::RssCounters& rss = mm.rss();
    const VirtRange code{mm.bounds().start_code.page_floor(), mm.bounds().end_code.page_ceil()};
    return fmt::format("{} {} {} {} 0 {} 0\n", mm.vm().total.value(), rss.total().value(),
                       (rss.file + rss.shared_memory).value(), code.page_count().value(),
                       (mm.vm().data + mm.vm().stack).value());
}

std::string proc_status(const Task& task, std::size_t queued_signals) {
    StatusText text;
    append_identity(text, task);
    if (task.mm != nullptr) append_memory(text, task);
    text.field("Threads", task.process->threads.size());
    append_signals(text, task, queued_signals);
    append_rights(text, task);
    append_places(text, task.usage);
    return text.take();
}

std::string proc_zombie_status(const Process& process) {
    StatusText text;
    const Credentials& who = process.last_credentials;
    text.field("Name", escaped_name(process.name));
    text.field("State", "Z (zombie)");
    text.field("Tgid", process.pid);
    text.field("Ngid", 0);
    text.field("Pid", process.pid);
    text.field("PPid", process.parent != nullptr ? process.parent->pid : 0);
    text.field("TracerPid", 0);
    append_owner(text, who);
    text.field("FDSize", 0);
    text.field("Groups", groups_text(who));
    text.field("NSpgid", process.group);
    text.field("NSsid", process.session);
    text.field("Kthread", 0);
    text.field("Threads", 1);
    append_capabilities(text, who.capabilities);
    append_places(text, process.dead_threads);
    return text.take();
}

namespace {

// What stat tells first: who it is, and what it and its children have used.
void append_stat_head(std::string& text, const Process& process, std::uint32_t number, std::string_view name,
                      char state, const Usage& own) {
    const Terminal* terminal = process.terminal.get();
    const std::int64_t foreground =
        terminal != nullptr && terminal->foreground != 0 ? std::int64_t{terminal->foreground} : -1;
    const Usage& children = process.children;
    print_to(text, "{} ({}) {} {} {} {} {} {} {}", number, name, state,
             process.parent != nullptr ? process.parent->pid : 0, process.group, process.session,
             terminal != nullptr ? terminal->device_number() : 0, foreground, process.kernel_thread);
    print_to(text, " {} {} {} {}", own.minor_faults, children.minor_faults, own.major_faults, children.major_faults);
    print_to(text, " {} {} {} {}", own.time.user_ns / clock_tick_ns, own.time.system_ns / clock_tick_ns,
             children.time.user_ns / clock_tick_ns, children.time.system_ns / clock_tick_ns);
}

// As /proc counts: real-time tasks are below -1.
int priority_of(const SchedulingPolicy& policy) {
    return policy.is_realtime() ? -1 - static_cast<int>(policy.priority) : default_priority + policy.nice;
}

// What stat tells of an address space; a kernel thread has none.
struct StatMemory {
    PageCount total, resident;
    mm::ImageBounds bounds;
    VirtAddr start_brk{};
};

StatMemory stat_memory(const mm::MmStruct* mm) {
    return mm != nullptr ? StatMemory{mm->vm().total, mm->rss().total(), mm->bounds(), mm->start_brk()} : StatMemory{};
}

}  // namespace

std::string proc_stat(const Task& task, const Usage& own) {
    const StatMemory memory = stat_memory(task.mm.get());
    const mm::ImageBounds& bounds = memory.bounds;
    const Process& process = *task.process;
    const Signals& signals = task.signals;
    const SchedulingPolicy& policy = task.scheduling;
    std::string text;
    append_stat_head(text, process, task.tid, task.name, state_text(task)[0], own);
    print_to(text, " {} {} {} 0 {}", priority_of(policy), policy.nice, process.threads.size(),
             task.start_ns / clock_tick_ns);
    print_to(text, " {} {} {} {} {} {} 0 0", memory.total.bytes(), memory.resident.value(),
             soft_limit(process.limits, Limit::rss), bounds.start_code.value(), bounds.end_code.value(),
             bounds.start_stack.value());
    print_to(text, " {} {} {} {} 0 0 0 {} 0 {} {} 0 0 0", low_signals(signals.pending()),
             low_signals(signals.blocked()), low_signals(signals.ignored()), low_signals(signals.caught()),
             process.exit_signal, policy.priority, policy.policy);
    print_to(text, " {} {} {} {} {} {} {} 0\n", bounds.start_data.value(), bounds.end_data.value(),
             memory.start_brk.value(), bounds.arg_start.value(), bounds.arg_end.value(), bounds.env_start.value(),
             bounds.env_end.value());
    return text;
}

std::string proc_zombie_stat(const Process& process) {
    std::string text;
    append_stat_head(text, process, process.pid, process.name, 'Z', process.dead_threads);
    const int status = process.exit->signal != 0 ? process.exit->signal : process.exit->status << 8;
    print_to(text, " {} 0 1 0 {} 0 0 {} 0 0 0 0 0 0 0 0 0 0 0 0 {} 0 0 0 0 0 0", default_priority,
             process.start_ns / clock_tick_ns, soft_limit(process.limits, Limit::rss), process.exit_signal);
    print_to(text, " 0 0 0 0 0 0 0 {}\n", status);
    return text;
}

// What came from storage is what page faults read.
std::string proc_io(const Usage& usage) {
    return fmt::format(
        "rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\nread_bytes: {}\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
        usage.read_bytes, usage.written_bytes, usage.read_calls, usage.write_calls, usage.major_faults * page_size);
}

}  // namespace fl::kernel
