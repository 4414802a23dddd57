#include "kernel/proc_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace fl::kernel {

namespace {

constexpr unsigned descriptor_slots = 64;  // NR_OPEN_DEFAULT, what a table starts with
// CAP_LAST_CAP is 40: all that there are.
constexpr std::uint64_t all_capabilities = 0x1ff'ffff'ffff;
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
        fmt::format_to(std::back_inserter(text_), "{}:\t{}\n", name, value);
    }
    void four_times(std::string_view name, std::uint32_t id) {
        fmt::format_to(std::back_inserter(text_), "{0}:\t{1}\t{1}\t{1}\t{1}\n", name, id);
    }
    void memory(std::string_view name, std::uint64_t value_kib) {
        fmt::format_to(std::back_inserter(text_), "{}:\t{:>8} kB\n", name, value_kib);
    }
    void set(std::string_view name, std::uint64_t bits) {
        fmt::format_to(std::back_inserter(text_), "{}:\t{:016x}\n", name, bits);
    }
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

void append_identity(StatusText& text, const Task& task) {
    text.field("Name", escaped_name(task.name));
    text.field("Umask", fmt::format("{:04o}", task.fs->umask));
    text.field("State", state_text(task));
    text.field("Tgid", task.pid);
    text.field("Ngid", 0);
    text.field("Pid", task.tid);
    text.field("PPid", task.parent_pid());
    text.field("TracerPid", 0);
    text.four_times("Uid", task.uid);
    text.four_times("Gid", task.gid);
    text.field("FDSize", descriptor_slots);
    text.field("Groups", " ");
    text.field("NStgid", task.pid);
    text.field("NSpid", task.tid);
    text.field("NSpgid", task.process->group);
    text.field("NSsid", task.process->session);
    text.field("Kthread", 0);
}

void append_memory(StatusText& text, const mm::MmStruct& mm) {
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
    text.memory("VmSwap", 0);
    text.memory("HugetlbPages", 0);
    text.field("CoreDumping", 0);
    text.field("THP_enabled", 1);
    text.field("untag_mask", "0xffffffffffffffff");
}

void append_signals(StatusText& text, const Task& task) {
    const Signals& signals = task.signals;
    text.field("SigQ",
               fmt::format("{}/{}", signals.waiting_count(), soft_limit(task.process->limits, Limit::pending_signals)));
    text.set("SigPnd", signals.pending(SignalQueue::thread).bits());
    text.set("ShdPnd", signals.pending(SignalQueue::process).bits());
    text.set("SigBlk", signals.blocked().bits());
    text.set("SigIgn", signals.ignored().bits());
    text.set("SigCgt", signals.caught().bits());
}

void append_rights(StatusText& text, const Task& task) {
    const std::uint64_t capabilities = task.uid == 0 ? all_capabilities : 0;
    text.set("CapInh", 0);
    text.set("CapPrm", capabilities);
    text.set("CapEff", capabilities);
    text.set("CapBnd", all_capabilities);
    text.set("CapAmb", 0);
    text.field("NoNewPrivs", 0);
    text.field("Seccomp", 0);
    text.field("Seccomp_filters", 0);
    text.field("Speculation_Store_Bypass", "vulnerable");
    text.field("SpeculationIndirectBranch", "always enabled");
}

// One processor, and one node of the 1024 that a usual kernel has room for.
void append_places(StatusText& text) {
    constexpr unsigned empty_words = 1024 / 32 - 1;
    std::string nodes;
    for (unsigned i = 0; i < empty_words; ++i) nodes += "00000000,";
    text.field("Cpus_allowed", 1);
    text.field("Cpus_allowed_list", 0);
    text.field("Mems_allowed", nodes + "00000001");
    text.field("Mems_allowed_list", 0);
    text.field("voluntary_ctxt_switches", 0);
    text.field("nonvoluntary_ctxt_switches", 0);
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

std::string proc_status(const Task& task) {
    StatusText text;
    append_identity(text, task);
    append_memory(text, *task.mm);
    text.field("Threads", task.process->threads.size());
    append_signals(text, task);
    append_rights(text, task);
    append_places(text);
    return text.take();
}

std::string proc_stat(const Task& task, const mm::FaultCounters& faults, const CpuTime& time) {
    const mm::MmStruct& mm = *task.mm;
    const mm::ImageBounds& bounds = mm.bounds();
    const Signals& signals = task.signals;
    // No terminal; no flags; nothing of children.
    std::string text =
        fmt::format("{} ({}) {} {} {} {} 0 -1 0 {} 0 {} 0", task.pid, task.name, state_text(task)[0], task.parent_pid(),
                    task.process->group, task.process->session, faults.minor, faults.major);
    // Times of its own and of children, priority, nice, threads, start time.
    fmt::format_to(std::back_inserter(text), " {} {} 0 0 {} 0 {} 0 0", time.user_ns / clock_tick_ns,
                   time.system_ns / clock_tick_ns, default_priority, task.process->threads.size());
    fmt::format_to(std::back_inserter(text), " {} {} {} {} {} {} 0 0", mm.vm().total.bytes(), mm.rss().total().value(),
                   soft_limit(task.process->limits, Limit::rss), bounds.start_code.value(), bounds.end_code.value(),
                   bounds.start_stack.value());
    fmt::format_to(std::back_inserter(text), " {} {} {} {} 0 0 0 {} 0 0 0 0 0 0", low_signals(signals.pending()),
                   low_signals(signals.blocked()), low_signals(signals.ignored()), low_signals(signals.caught()),
                   SIGCHLD);
    fmt::format_to(std::back_inserter(text), " {} {} {} {} {} {} {} 0\n", bounds.start_data.value(),
                   bounds.end_data.value(), mm.start_brk().value(), bounds.arg_start.value(), bounds.arg_end.value(),
                   bounds.env_start.value(), bounds.env_end.value());
    return text;
}

}  // namespace fl::kernel
