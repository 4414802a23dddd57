#include "cli/replay_report.hpp"

#include "lab/sweep_result.hpp"
#include "trace/report/page.hpp"
#include "trace/report/payload.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <string_view>

namespace fl::cli {

namespace {

// A number that is not known where there are no references.
std::string number_text(const std::optional<double>& number, int digits) {
    return number ? fmt::format("{:.{}f}", *number, digits) : "-";
}

std::optional<double> hit_ratio(const lab::ReplayCounts& counts) {
    if (counts.references == 0) return std::nullopt;
    return static_cast<double>(counts.hits()) / static_cast<double>(counts.references);
}

// "7.3 us".
std::string time_text(const std::optional<double>& nanoseconds) {
    if (!nanoseconds) return "-";
    if (*nanoseconds < 1e3) return fmt::format("{:.2f} ns", *nanoseconds);
    if (*nanoseconds < 1e6) return fmt::format("{:.2f} us", *nanoseconds / 1e3);
    return fmt::format("{:.2f} ms", *nanoseconds / 1e6);
}

// How many times as many faults.
std::string factor_text(std::uint64_t faults, std::uint64_t opt_faults) {
    if (opt_faults == 0) return "-";
    return fmt::format("{:.3f}", static_cast<double>(faults) / static_cast<double>(opt_faults));
}

std::uint64_t opt_faults_at(const std::vector<ReplayRow>& rows, std::uint32_t frames) {
    const auto opt = std::find_if(rows.begin(), rows.end(),
                                  [&](const ReplayRow& row) { return row.policy == "opt" && row.frames == frames; });
    return opt == rows.end() ? 0 : opt->counts.faults;
}

std::string quoted(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string result = "\"";
    for (const char letter : text) result += letter == '"' ? "\"\"" : std::string(1, letter);
    return result + "\"";
}

}  // namespace

std::string replay_table(const ReplayHead& head, const std::vector<ReplayRow>& rows) {
    std::size_t width = std::string_view("policy").size();
    for (const ReplayRow& row : rows) width = std::max(width, trace::printable(row.policy).size());
    std::string text =
        fmt::format("{}: {} references to {} pages\n", trace::printable(head.file), head.references, head.pages);
    std::uint64_t opt_faults = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const ReplayRow& row = rows[i];
        const lab::ReplayCounts& counts = row.counts;
        if (i == 0 || rows[i - 1].frames != row.frames) {
            opt_faults = opt_faults_at(rows, row.frames);
            text += fmt::format("\n{} frame{}\n", row.frames, row.frames == 1 ? "" : "s");
            text +=
                fmt::format("  {:{}} {:>12} {:>7} {:>9} {:>11} {:>11} {:>11} {:>9} {:>10}\n", "policy", width, "faults",
                            "x opt", "hits %", "clean out", "dirty out", "write-backs", "resident", "EAT");
        }
        const lab::SweepResult result = lab::replay_result(counts, head.costs);
        const std::optional<double> hits = hit_ratio(counts);
        text += fmt::format("  {:{}} {:>12} {:>7} {:>9} {:>11} {:>11} {:>11} {:>9} {:>10}\n",
                            trace::printable(row.policy), width, counts.faults, factor_text(counts.faults, opt_faults),
                            number_text(hits ? std::optional(*hits * 100) : hits, 4), counts.clean_evictions,
                            counts.dirty_evictions, counts.write_backs, number_text(result.resident_mean, 1),
                            time_text(result.access_ns));
    }
    if (head.opt_was_added) text += "\nopt is the bound for all others; it was added.\n";
    return text;
}

std::string replay_csv(const ReplayHead& head, const std::vector<ReplayRow>& rows) {
    std::string text =
        "policy,frames,references,faults,refaults,hit_ratio,clean_evictions,dirty_evictions,write_backs,"
        "resident_mean,access_ns,opt_faults\n";
    for (const ReplayRow& row : rows) {
        const lab::ReplayCounts& counts = row.counts;
        const lab::SweepResult result = lab::replay_result(counts, head.costs);
        const auto shortest = [](const std::optional<double>& number) {
            return number ? fmt::format("{}", *number) : std::string();
        };
        text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", quoted(row.policy), row.frames, counts.references,
                            counts.faults, counts.refaults, shortest(hit_ratio(counts)), counts.clean_evictions,
                            counts.dirty_evictions, counts.write_backs, shortest(result.resident_mean),
                            shortest(result.access_ns), opt_faults_at(rows, row.frames));
    }
    return text;
}

std::string replay_json(const ReplayHead& head, const std::vector<ReplayRow>& rows) {
    using Json = nlohmann::ordered_json;
    const auto number = [](const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); };
    Json list = Json::array();
    for (const ReplayRow& row : rows) {
        const lab::ReplayCounts& counts = row.counts;
        const lab::SweepResult result = lab::replay_result(counts, head.costs);
        list.push_back({{"policy", row.policy},
                        {"frames", row.frames},
                        {"references", counts.references},
                        {"faults", counts.faults},
                        {"refaults", counts.refaults},
                        {"hit_ratio", number(hit_ratio(counts))},
                        {"clean_evictions", counts.clean_evictions},
                        {"dirty_evictions", counts.dirty_evictions},
                        {"write_backs", counts.write_backs},
                        {"resident_mean", number(result.resident_mean)},
                        {"access_ns", number(result.access_ns)},
                        {"opt_faults", opt_faults_at(rows, row.frames)}});
    }
    const Json json = {{"file", head.file},
                       {"references", head.references},
                       {"pages", head.pages},
                       {"seed", head.seed},
                       {"costs_ns",
                        {{"memory", head.costs.memory_ns},
                         {"minor_fault", head.costs.minor_ns},
                         {"major_fault", head.costs.major_ns}}},
                       {"replays", std::move(list)}};
    // Names of files may hold anything.
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string replay_page(const ReplayHead& head, const std::vector<ReplayRow>& rows) {
    using Json = nlohmann::json;
    const Json facts = Json::array({{"Recording", head.file},
                                    {"References", fmt::to_string(head.references)},
                                    {"Pages", fmt::to_string(head.pages)},
                                    {"Replays", fmt::to_string(rows.size())},
                                    {"A reference costs", fmt::format("{} ns", head.costs.memory_ns)},
                                    {"A page's first fault costs", fmt::format("{} ns", head.costs.minor_ns)},
                                    {"Each further one costs", fmt::format("{} ns", head.costs.major_ns)},
                                    {"Seed", fmt::to_string(head.seed)}});
    Json notes = Json::array();
    if (head.opt_was_added) notes.push_back("OPT is the bound for all other policies; it was added.");
    const std::string title = fmt::format("Replays of {}", head.file);
    trace::report::Payload payload;
    payload.add_text("title", title);
    payload.add_json("facts", facts.dump(-1, ' ', false, Json::error_handler_t::replace));
    payload.add_json("notes", notes.dump());
    payload.add_json("replay", replay_json(head, rows));
    return trace::report::page(title, payload.pack());
}

}  // namespace fl::cli
