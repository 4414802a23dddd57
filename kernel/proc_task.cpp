#include "kernel/proc_task.hpp"

#include "kernel/memory_census.hpp"
#include "kernel/oom_killer.hpp"
#include "kernel/peek.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace fl::kernel {

namespace {

std::string peek_range(const emu::Ram& ram, const mm::MmStruct& mm, VirtAddr start, VirtAddr end) {
    if (end <= start) return {};
    std::string text(end - start, '\0');
    text.resize(peek_memory(ram, mm, start, std::as_writable_bytes(std::span(text))));
    return text;
}

// One string with its NUL; one page at most (get_mm_proctitle).
std::string process_title(const emu::Ram& ram, const mm::MmStruct& mm, VirtAddr start, VirtAddr end) {
    const VirtAddr limit = std::min(end, start + page_size);
    const std::string text = peek_range(ram, mm, start, limit);
    const std::size_t length = text.find('\0');
    return length == std::string::npos ? text : text.substr(0, length + 1);
}

struct LimitName {
    std::string_view name, unit;
};
// By number.
constexpr std::array<LimitName, limit_count> limit_names{{
    {"Max cpu time", "seconds"},
    {"Max file size", "bytes"},
    {"Max data size", "bytes"},
    {"Max stack size", "bytes"},
    {"Max core file size", "bytes"},
    {"Max resident set", "bytes"},
    {"Max processes", "processes"},
    {"Max open files", "files"},
    {"Max locked memory", "bytes"},
    {"Max address space", "bytes"},
    {"Max file locks", "locks"},
    {"Max pending signals", "signals"},
    {"Max msgqueue size", "bytes"},
    {"Max nice priority", ""},
    {"Max realtime priority", ""},
    {"Max realtime timeout", "us"},
}};

std::string limit_text(std::uint64_t limit) {
    return limit == LimitPair::infinity ? "unlimited" : fmt::to_string(limit);
}

}  // namespace

std::string proc_cmdline(const emu::Ram& ram, const mm::MmStruct& mm) {
    const mm::ImageBounds& bounds = mm.bounds();
    std::string text = peek_range(ram, mm, bounds.arg_start, bounds.arg_end);
    if (text.empty() || text.back() == '\0') return text;
    // Overwritten: it may go on in the environment only where that lies right behind.
    const bool adjacent = bounds.env_start == bounds.arg_end && bounds.env_end >= bounds.env_start;
    return process_title(ram, mm, bounds.arg_start, adjacent ? bounds.env_end : bounds.arg_end);
}

std::string proc_environ(const emu::Ram& ram, const mm::MmStruct& mm) {
    return peek_range(ram, mm, mm.bounds().env_start, mm.bounds().env_end);
}

std::string proc_auxv(const mm::MmStruct& mm) {
    const auto bytes = std::as_bytes(std::span(mm.saved_auxv()));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string proc_comm(const Task& task) { return task.name + "\n"; }

std::string proc_limits(const LimitTable& limits) {
    constexpr const char* row = "{:<25} {:<20} {:<20} ";
    std::string text = fmt::format(row, "Limit", "Soft Limit", "Hard Limit") + fmt::format("{:<10}\n", "Units");
    for (std::size_t i = 0; i < limit_count; ++i) {
        const LimitName& limit = limit_names[i];
        print_to(text, row, limit.name, limit_text(limits[i].soft), limit_text(limits[i].hard));
        if (!limit.unit.empty()) print_to(text, "{:<10}", limit.unit);
        text += '\n';
    }
    return text;
}

std::string proc_oom_score(const Process& process, const mm::PhysicalMemory& memory) {
    constexpr std::int64_t scale = 1000;
    const PageCount total = total_memory(memory);
    const auto badness = oom_badness(process, total);
    if (!badness) return "0\n";
    const std::int64_t share = *badness * scale / static_cast<std::int64_t>(total.value());
    return fmt::format("{}\n", std::max<std::int64_t>((scale + share) * 2 / 3, 0));
}

}  // namespace fl::kernel
