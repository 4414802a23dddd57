#include "cli/statistics.hpp"

#include "cli/size.hpp"
#include "mm/print_to.hpp"
#include "mm/replacement/registry.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

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
    // A text of any length in the place of a number.
    void line(std::string_view name, std::string_view text) { add("  {:<18}{}\n", name, text); }
    void row_unless_zero(std::string_view name, std::uint64_t value, std::string_view remark = {}) {
        if (value != 0) row(name, value, remark);
    }
    void pages(std::string_view name, PageCount count, std::string_view remark = {}) {
        const std::string size = humanised(count.bytes());
        row(name, count.value(), remark.empty() ? size : fmt::format("{}, {}", size, remark));
    }
    std::string take() { return std::move(text_); }

private:
    template <class... Values>
    void add(fmt::format_string<Values...> format, Values&&... values) {
        print_to(text_, format, std::forward<Values>(values)...);
    }

    std::string text_;
};

std::string duration(double ns) {
    if (ns < 1e3) return fmt::format("{:.3f} ns", ns);
    if (ns < 1e6) return fmt::format("{:.3f} us", ns / 1e3);
    if (ns < 1e9) return fmt::format("{:.3f} ms", ns / 1e6);
    return fmt::format("{:.3f} s", ns / 1e9);
}

std::string duration(std::uint64_t ns) {
    return ns < 1'000 ? fmt::format("{} ns", ns) : duration(static_cast<double>(ns));
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

// --- replacement -----------------------------------------------------------------------------------------------------

bool counts_references(const kernel::MachineStatistics& statistics) {
    return statistics.policy->needs == replacement::Needs::every_reference;
}

// Those that succeeded: what failed is no reference to a page that there is.
std::uint64_t satisfied_faults(const mm::FaultCounters& faults) { return faults.minor + faults.major; }

// What a reference to memory takes, faults included: the textbook's p * fault time + (1 - p) * memory time.
struct EffectiveAccess {
    std::uint64_t references;
    bool is_exact;  // else instructions stand for them: each is fetched, whatever else it references
    double time_ns;
};

// nullopt: neither references nor instructions were counted.
std::optional<EffectiveAccess> effective_access(const kernel::MachineStatistics& statistics) {
    const bool is_exact = counts_references(statistics);
    const std::uint64_t counted = is_exact ? statistics.reclaim.references : statistics.instructions;
    if (counted == 0) return std::nullopt;
    const mm::FaultCounters& faults = statistics.faults;
    const std::uint64_t references = std::max(counted, satisfied_faults(faults));
    const auto times = [](std::uint64_t count, std::uint64_t ns) {
        return static_cast<double>(count) * static_cast<double>(ns);
    };
    const kernel::CostModel& costs = statistics.costs;
    const double total_ns = times(references - satisfied_faults(faults), costs.memory_access_ns) +
                            times(faults.minor, costs.minor_fault_ns) + times(faults.major, costs.major_fault_ns);
    return EffectiveAccess{references, is_exact, total_ns / static_cast<double>(references)};
}

std::string_view reason_text(mm::ReclaimReason reason) {
    switch (reason) {
        case mm::ReclaimReason::fault: return "  for a frame";
        case mm::ReclaimReason::shrink: return "  let go of";
        case mm::ReclaimReason::kswapd: return "  by kswapd";
        case mm::ReclaimReason::advice: return "  by MADV_PAGEOUT";
        case mm::ReclaimReason::ahead: break;  // no eviction
    }
    return "";
}

constexpr std::array eviction_reasons = {mm::ReclaimReason::fault, mm::ReclaimReason::shrink, mm::ReclaimReason::kswapd,
                                         mm::ReclaimReason::advice};

std::string percent(std::uint64_t part, std::uint64_t whole) {
    return fmt::format("{:.2f} %", whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole));
}

// "clock,load=0".
std::string policy_text(const RunSummary& run) {
    std::string text = run.statistics.policy->name;
    if (!run.policy) return text;
    const std::vector<replacement::Parameter>& parameters = run.policy->info->parameters;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        text += fmt::format(",{}={}", parameters[i].name,
                            replacement::parameter_value_text(parameters[i], run.policy->parameters[i]));
    }
    return text;
}

void add_references(Table& table, const kernel::MachineStatistics& statistics) {
    if (!counts_references(statistics)) {
        table.row("references", "not counted",
                  fmt::format("(the policy needs {})", replacement::needs_text(statistics.policy->needs)));
        return;
    }
    const std::uint64_t references = statistics.reclaim.references;
    const std::uint64_t faults = std::min(satisfied_faults(statistics.faults), references);
    table.row("references", references, "each of them counted");
    table.row("hits", references - faults, percent(references - faults, references));
    table.row("faults", faults, percent(faults, references));
}

void add_evictions(Table& table, const mm::ReclaimCounters& reclaim) {
    std::string remark = fmt::format("{} dirty, {} clean", reclaim.dirty, reclaim.clean);
    if (reclaim.dropped != 0) remark += fmt::format(", {} of them given up for good", reclaim.dropped);
    table.row("evictions", reclaim.evicted(), remark);
    for (const mm::ReclaimReason reason : eviction_reasons) {
        table.row_unless_zero(reason_text(reason), reclaim.evictions[static_cast<std::size_t>(reason)]);
    }
    table.row_unless_zero("written ahead", reclaim.ahead, "dirty pages, before they had to leave");
    table.row_unless_zero("failed writes", reclaim.failed_writes, "the pages stayed");
    table.row("pages brought in", reclaim.admitted);
    if (reclaim.evicted() != 0)
        table.row("refaults", reclaim.refaults,
                  fmt::format("{} of these, had been evicted", percent(reclaim.refaults, reclaim.admitted)));
    table.row_unless_zero("pages looked at", reclaim.looked_at, "by the policy, for a victim");
    table.row_unless_zero("direct reclaims", reclaim.direct_reclaims, "who needed a frame had to make one free");
    table.row_unless_zero("kswapd runs", reclaim.kswapd_runs);
    table.row_unless_zero("processes killed", reclaim.oom_kills, "out of memory");
}

void add_swap(Table& table, const kernel::MachineStatistics& statistics) {
    const mm::SwapCounters& swap = statistics.swap;
    table.heading("swap");
    if (statistics.swap_slots == PageCount(0)) {
        table.row("slots", "none");
        return;
    }
    table.pages("slots", statistics.swap_slots);
    table.pages("used", statistics.used_swap_slots, "at the end");
    table.row("reads", swap.reads);
    table.row("writes", swap.writes);
    table.row_unless_zero("read errors", swap.read_errors);
    table.row_unless_zero("write errors", swap.write_errors);
}

// One character for each value, or for several of which it shows the largest; as high as the value, from 0.
std::string sparkline(std::span<const std::uint32_t> values, std::size_t most_characters) {
    constexpr std::array<std::string_view, 9> blocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const std::uint64_t highest = std::max<std::uint64_t>(*std::ranges::max_element(values), 1);
    const std::size_t group = (values.size() + most_characters - 1) / most_characters;
    std::string line;
    while (!values.empty()) {
        const auto part = values.first(std::min(group, values.size()));
        const std::uint64_t value = *std::ranges::max_element(part);
        line += blocks[(value * (blocks.size() - 1) + highest - 1) / highest];
        values = values.subspan(part.size());
    }
    return line;
}

void add_working_set(Table& table, const mm::WorkingSetHistory& history) {
    constexpr std::size_t most_characters = 64;
    const std::vector<std::uint32_t>& pages = history.pages;
    table.heading(fmt::format("working set: pages touched in each {}", duration(history.interval_ns)));
    if (pages.empty()) {
        table.row("samples", "none", "the run was shorter");
        return;
    }
    const auto [least, most] = std::ranges::minmax(pages);
    const double sum = std::accumulate(pages.begin(), pages.end(), 0.0);
    table.line("over time", sparkline(pages, most_characters));
    table.row("samples", pages.size());
    table.pages("least", PageCount(least));
    table.row("mean", fmt::format("{:.1f}", sum / static_cast<double>(pages.size())));
    table.pages("most", PageCount(most));
}

void add_effective_access(Table& table, const kernel::MachineStatistics& statistics) {
    const kernel::CostModel& costs = statistics.costs;
    table.heading("effective access time");
    table.row("memory access", duration(costs.memory_access_ns));
    table.row("minor fault", duration(costs.minor_fault_ns), fmt::format("{} times", statistics.faults.minor));
    table.row("major fault", duration(costs.major_fault_ns), fmt::format("{} times", statistics.faults.major));
    const auto access = effective_access(statistics);
    if (!access) {
        table.row("mean", "unknown", "nothing counts references, or instructions");
    } else if (access->is_exact) {
        table.row("mean", duration(access->time_ns), fmt::format("of {} references", access->references));
    } else {
        table.row("mean", duration(access->time_ns),
                  fmt::format("if each of the {} instructions made one reference", access->references));
    }
}

void add_huge_pages(Table& table, const mm::HugePageCounters& huge) {
    if (huge == mm::HugePageCounters{}) return;
    table.heading("pages of 2 MiB");
    table.row("faults", huge.fault_alloc, "that brought one");
    table.row_unless_zero("fallbacks", huge.fault_fallback, "faults that found none free, and brought 4 KiB");
    table.row_unless_zero("collapsed", huge.collapse_alloc, "from pages of 4 KiB");
    table.row_unless_zero("not collapsed", huge.collapse_alloc_failed, "none was free");
    table.row_unless_zero("split", huge.split_pmd, "into entries of 4 KiB");
    table.row_unless_zero("  for reclaim", huge.split_page);
}

// Where nothing was limited and nothing had to leave, there is nothing to say.
bool is_under_pressure(const RunSummary& run) {
    const mm::ReclaimCounters& reclaim = run.statistics.reclaim;
    const std::uint64_t done =
        reclaim.evicted() + reclaim.ahead + reclaim.failed_writes + reclaim.kswapd_runs + reclaim.oom_kills;
    return run.policy || run.statistics.frame_limit || done != 0;
}

void add_replacement(Table& table, const RunSummary& run) {
    const kernel::MachineStatistics& statistics = run.statistics;
    table.heading("replacement");
    table.line("policy",
               fmt::format("{}: {}", trace::printable(policy_text(run)), trace::printable(statistics.policy->title)));
    if (!statistics.policy_state.empty()) table.line("its state", trace::printable(statistics.policy_state));
    if (statistics.frame_limit) {
        table.pages("frames allowed", *statistics.frame_limit, "for user pages");
    } else {
        table.row("frames allowed", "all");
    }
    table.pages("used", statistics.user_frames);
    table.pages("used at most", statistics.peak_user_frames);
    add_references(table, statistics);
    add_evictions(table, statistics.reclaim);
    add_swap(table, statistics);
    add_working_set(table, statistics.working_set);
    add_effective_access(table, statistics);
}

nlohmann::ordered_json parameters_json(const RunSummary& run) {
    if (!run.policy) return nullptr;
    auto json = nlohmann::ordered_json::object();
    const std::vector<replacement::Parameter>& parameters = run.policy->info->parameters;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const double value = run.policy->parameters[i];
        const bool is_choice = !parameters[i].choices.empty();
        if (is_choice) {
            json[parameters[i].name] = replacement::parameter_value_text(parameters[i], value);
        } else if (parameters[i].is_whole) {
            json[parameters[i].name] = static_cast<std::int64_t>(value);
        } else {
            json[parameters[i].name] = value;
        }
    }
    return json;
}

nlohmann::ordered_json replacement_json(const RunSummary& run) {
    using Json = nlohmann::ordered_json;
    const kernel::MachineStatistics& statistics = run.statistics;
    const mm::ReclaimCounters& reclaim = statistics.reclaim;
    const bool is_counted = counts_references(statistics);
    const std::uint64_t faults = satisfied_faults(statistics.faults);
    Json by_reason;
    for (const mm::ReclaimReason reason : eviction_reasons) {
        by_reason[mm::reclaim_reason_name(reason)] = reclaim.evictions[static_cast<std::size_t>(reason)];
    }
    Json json;
    json["policy"] = statistics.policy->name;
    json["parameters"] = parameters_json(run);
    json["state"] = statistics.policy_state;
    json["frames"] = {{"limit", statistics.frame_limit ? Json(statistics.frame_limit->value()) : Json(nullptr)},
                      {"used", statistics.user_frames.value()},
                      {"peak", statistics.peak_user_frames.value()}};
    json["references"] = is_counted ? Json(reclaim.references) : Json(nullptr);
    json["hits"] = is_counted ? Json(reclaim.references - std::min(faults, reclaim.references)) : Json(nullptr);
    json["faults"] = faults;
    json["evictions"] = {{"total", reclaim.evicted()},
                         {"clean", reclaim.clean},
                         {"dirty", reclaim.dirty},
                         {"dropped", reclaim.dropped},
                         {"by_reason", by_reason}};
    json["admitted"] = reclaim.admitted;
    json["refaults"] = reclaim.refaults;
    json["written_ahead"] = reclaim.ahead;
    json["failed_writes"] = reclaim.failed_writes;
    json["looked_at"] = reclaim.looked_at;
    json["direct_reclaims"] = reclaim.direct_reclaims;
    json["kswapd_runs"] = reclaim.kswapd_runs;
    json["oom_kills"] = reclaim.oom_kills;
    return json;
}

nlohmann::ordered_json swap_json(const kernel::MachineStatistics& statistics) {
    return {{"slots", statistics.swap_slots.value()},
            {"used", statistics.used_swap_slots.value()},
            {"reads", statistics.swap.reads},
            {"writes", statistics.swap.writes},
            {"read_errors", statistics.swap.read_errors},
            {"write_errors", statistics.swap.write_errors}};
}

nlohmann::ordered_json effective_access_json(const kernel::MachineStatistics& statistics) {
    using Json = nlohmann::ordered_json;
    const kernel::CostModel& costs = statistics.costs;
    const auto access = effective_access(statistics);
    return {{"references", access ? Json(access->references) : Json(nullptr)},
            {"counted", access ? Json(access->is_exact ? "references" : "instructions") : Json(nullptr)},
            {"memory_ns", costs.memory_access_ns},
            {"minor_ns", costs.minor_fault_ns},
            {"major_ns", costs.major_fault_ns},
            {"time_ns", access ? Json(access->time_ns) : Json(nullptr)}};
}

nlohmann::ordered_json huge_pages_json(const mm::HugePageCounters& huge) {
    return {{"fault_alloc", huge.fault_alloc},       {"fault_fallback", huge.fault_fallback},
            {"collapse_alloc", huge.collapse_alloc}, {"collapse_alloc_failed", huge.collapse_alloc_failed},
            {"split_pmd", huge.split_pmd},           {"split_page", huge.split_page}};
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
    if (is_under_pressure(run)) add_replacement(table, run);
    add_memory(table, run.statistics);
    add_huge_pages(table, run.statistics.huge_pages);
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
    json["stopped"] = run.stopped.empty() ? Json(nullptr) : Json(run.stopped);
    json["faults"] = faults_json(statistics.faults);
    json["memory_pages"] = {{"total", statistics.total_frames.value()},
                            {"used", statistics.used_frames.value()},
                            {"peak", statistics.peak_used_frames.value()},
                            {"page_tables", statistics.page_table_pages.value()}};
    json["buddy_free_blocks"] = statistics.buddy_free_blocks;
    json["huge_pages"] = huge_pages_json(statistics.huge_pages);
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
    json["replacement"] = replacement_json(run);
    json["swap"] = swap_json(statistics);
    json["working_set"] = {{"interval_ns", statistics.working_set.interval_ns},
                           {"pages", statistics.working_set.pages}};
    json["effective_access"] = effective_access_json(statistics);
    json["system_calls"] = statistics.system_calls;
    json["instructions"] = counted ? Json(statistics.instructions) : Json(nullptr);
    json["virtual_time_ns"] = statistics.virtual_time_ns;
    json["wall_time_ns"] = statistics.wall_time_ns;
    // A program's path may not be UTF-8.
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fl::cli
