#include "cli/statistics.hpp"

#include "cli/size.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iterator>
#include <string_view>
#include <utility>

namespace fl::cli {

namespace {

// Rows of a name, a number and a remark, aligned.
class Table {
public:
    void heading(std::string_view text) { add("{}\n", text); }
    void row(std::string_view name, std::uint64_t value, std::string_view remark = {}) {
        row(name, fmt::to_string(value), remark);
    }
    void row(std::string_view name, std::string_view value, std::string_view remark = {}) {
        add("  {:<18}{:>12}{}{}\n", name, value, remark.empty() ? "" : "   ", remark);
    }
    void pages(std::string_view name, PageCount count, std::string_view remark = {}) {
        const std::string size = humanised(count.bytes());
        row(name, count.value(), remark.empty() ? size : fmt::format("{}, {}", size, remark));
    }
    std::string take() { return std::move(text_); }

private:
    template <class... Values>
    void add(fmt::format_string<Values...> format, Values&&... values) {
        fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
    }

    std::string text_;
};

std::string duration(std::uint64_t ns) {
    const auto value = static_cast<double>(ns);
    if (ns < 1'000) return fmt::format("{} ns", ns);
    if (ns < 1'000'000) return fmt::format("{:.3f} us", value / 1e3);
    if (ns < 1'000'000'000) return fmt::format("{:.3f} ms", value / 1e6);
    return fmt::format("{:.3f} s", value / 1e9);
}

void add_faults(Table& table, const mm::FaultCounters& faults) {
    table.heading("page faults");
    table.row("total", faults.total(), fmt::format("{} minor, {} major", faults.minor, faults.major));
    for (std::size_t index = 0; index < mm::fault_kind_count; ++index) {
        if (faults.by_kind[index] == 0) continue;
        table.row(mm::fault_kind_name(static_cast<mm::FaultKind>(index)), faults.by_kind[index]);
    }
}

// Orders along the line, so that the shape of what is free is seen at a glance, as in /proc/buddyinfo.
void add_free_blocks(Table& table, const kernel::MachineStatistics& statistics) {
    std::string orders = "  order     ";
    std::string counts = "  blocks    ";
    for (std::size_t order = 0; order < statistics.buddy_free_blocks.size(); ++order) {
        const std::string count = fmt::to_string(statistics.buddy_free_blocks[order]);
        const std::size_t width = std::max<std::size_t>(count.size(), 4) + 2;
        orders += fmt::format("{:>{}}", order, width);
        counts += fmt::format("{:>{}}", count, width);
    }
    table.heading("free frames (blocks of 2^order frames)");
    table.heading(orders);
    table.heading(counts);
}

void add_memory(Table& table, const kernel::MachineStatistics& statistics) {
    table.heading("frames");
    table.pages("total", statistics.total_frames);
    table.pages("used", statistics.used_frames);
    table.pages("used at most", statistics.peak_used_frames);
    table.pages("page tables", statistics.page_table_pages);
    add_free_blocks(table, statistics);
}

void add_address_space(Table& table, const kernel::MachineStatistics& statistics) {
    const mm::RssCounters& rss = statistics.rss;
    table.heading("address space, at the end");
    table.row("mappings", statistics.map_count);
    table.pages("virtual pages", statistics.vm.total);
    table.pages("at most", statistics.hiwater_vm);
    table.pages("resident pages", rss.total(),
                fmt::format("{} anonymous, {} file", rss.anonymous.value(), rss.file.value()));
    table.pages("at most", statistics.hiwater_rss);
}

void add_execution(Table& table, const RunSummary& run) {
    const kernel::MachineStatistics& statistics = run.statistics;
    table.heading("execution");
    if (run.clock == kernel::ClockMode::host) {
        table.row("instructions", "not counted", "(--clock host)");
    } else {
        table.row("instructions", statistics.instructions);
    }
    table.row("system calls", statistics.system_calls);
    table.row("TLB fills", statistics.tlb.fills, "faults included");
    table.row("TLB flushes", statistics.tlb.flushes);
    table.row("virtual time", duration(statistics.virtual_time_ns));
    table.row("wall time", duration(statistics.wall_time_ns));
}

nlohmann::ordered_json faults_json(const mm::FaultCounters& faults) {
    nlohmann::ordered_json by_kind;
    for (std::size_t index = 0; index < mm::fault_kind_count; ++index) {
        by_kind[mm::fault_kind_name(static_cast<mm::FaultKind>(index))] = faults.by_kind[index];
    }
    return {{"total", faults.total()}, {"minor", faults.minor}, {"major", faults.major}, {"by_kind", by_kind}};
}

}  // namespace

std::string statistics_text(const RunSummary& run) {
    Table table;
    table.heading(fmt::format("\nfaultline: statistics of {}\n", run.program));
    add_faults(table, run.statistics.faults);
    add_memory(table, run.statistics);
    add_address_space(table, run.statistics);
    add_execution(table, run);
    return table.take();
}

std::string statistics_json(const RunSummary& run) {
    using Json = nlohmann::ordered_json;
    const kernel::MachineStatistics& statistics = run.statistics;
    const bool counted = run.clock == kernel::ClockMode::virtual_time;
    Json json;
    json["program"] = run.program;
    json["exit_status"] = run.exit.status;
    json["signal"] = run.exit.signal != 0 ? Json(run.exit.signal) : Json(nullptr);
    json["faults"] = faults_json(statistics.faults);
    json["memory_pages"] = {{"total", statistics.total_frames.value()},
                            {"used", statistics.used_frames.value()},
                            {"peak", statistics.peak_used_frames.value()},
                            {"page_tables", statistics.page_table_pages.value()}};
    json["buddy_free_blocks"] = statistics.buddy_free_blocks;
    json["tlb"] = {{"fills", statistics.tlb.fills}, {"flushes", statistics.tlb.flushes}};
    json["mappings"] = statistics.map_count;
    json["resident_pages"] = {{"anonymous", statistics.rss.anonymous.value()},
                              {"file", statistics.rss.file.value()},
                              {"shared_memory", statistics.rss.shared_memory.value()},
                              {"total", statistics.rss.total().value()},
                              {"high_water", statistics.hiwater_rss.value()}};
    json["virtual_pages"] = {{"total", statistics.vm.total.value()}, {"high_water", statistics.hiwater_vm.value()},
                             {"data", statistics.vm.data.value()},   {"exec", statistics.vm.exec.value()},
                             {"stack", statistics.vm.stack.value()}, {"locked", statistics.vm.locked.value()}};
    json["system_calls"] = statistics.system_calls;
    json["instructions"] = counted ? Json(statistics.instructions) : Json(nullptr);
    json["virtual_time_ns"] = statistics.virtual_time_ns;
    json["wall_time_ns"] = statistics.wall_time_ns;
    // A program's path may not be UTF-8.
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fl::cli
