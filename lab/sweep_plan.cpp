#include "lab/sweep_plan.hpp"

#include "emu/assert.hpp"
#include "lab/sha256.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <tuple>

namespace fl::lab {

namespace {

using Json = nlohmann::json;

constexpr const char* format_name = "faultline sweep 1";

template <class Value>
void sort_unique(std::vector<Value>& values) {
    std::ranges::sort(values);
    values.erase(std::ranges::unique(values).begin(), values.end());
}

auto order_of(const SweepSource& source) { return std::tie(source.kind, source.path, source.arguments); }

std::uint64_t count_of(const SweepSource& source, std::uint64_t seeds) {
    return source.policies.size() * source.frames.size() * seeds;
}

const char* kind_name(SweepKind kind) { return kind == SweepKind::live ? "live" : "replay"; }

Json source_json(const SweepSource& source) {
    return {{"kind", kind_name(source.kind)}, {"path", source.path},         {"arguments", source.arguments},
            {"format", source.format},        {"sha256", source.sha256},     {"references", source.references},
            {"pages", source.pages},          {"policies", source.policies}, {"frames", source.frames}};
}

Json plan_json(const SweepPlan& plan) {
    Json sources = Json::array();
    for (const SweepSource& source : plan.sources) sources.push_back(source_json(source));
    return {{"version", plan.version},
            {"run_options", plan.run_options},
            {"costs_ns",
             {{"memory", plan.costs.memory_ns}, {"minor", plan.costs.minor_ns}, {"major", plan.costs.major_ns}}},
            {"seeds", plan.seeds},
            {"plugins", Json(plan.plugins)},
            {"sources", std::move(sources)}};
}

Json file_json(const SweepPlanFile& file) {
    return {{"format", format_name},
            {"name", file.plan.name()},
            {"plan", plan_json(file.plan)},
            {"directory", file.directory},
            {"tasks", file.task_count}};
}

SweepSource source_from(const Json& json) {
    SweepSource source;
    source.kind =
        json.at("kind").get<std::string>() == kind_name(SweepKind::live) ? SweepKind::live : SweepKind::replay;
    json.at("path").get_to(source.path);
    json.at("arguments").get_to(source.arguments);
    json.at("format").get_to(source.format);
    json.at("sha256").get_to(source.sha256);
    json.at("references").get_to(source.references);
    json.at("pages").get_to(source.pages);
    json.at("policies").get_to(source.policies);
    json.at("frames").get_to(source.frames);
    return source;
}

SweepPlanFile file_from(const Json& json) {
    SweepPlanFile file;
    const Json& plan = json.at("plan");
    plan.at("version").get_to(file.plan.version);
    plan.at("run_options").get_to(file.plan.run_options);
    plan.at("costs_ns").at("memory").get_to(file.plan.costs.memory_ns);
    plan.at("costs_ns").at("minor").get_to(file.plan.costs.minor_ns);
    plan.at("costs_ns").at("major").get_to(file.plan.costs.major_ns);
    plan.at("seeds").get_to(file.plan.seeds);
    plan.at("plugins").get_to(file.plan.plugins);
    for (const Json& source : plan.at("sources")) file.plan.sources.push_back(source_from(source));
    json.at("directory").get_to(file.directory);
    json.at("tasks").get_to(file.task_count);
    return file;
}

bool is_arranged(const SweepPlan& plan) {
    SweepPlan arranged = plan;
    arranged.arrange();
    return arranged == plan;
}

bool has_only_possible_frames(const SweepPlan& plan) {
    return std::ranges::all_of(plan.sources, [](const SweepSource& source) {
        return std::ranges::all_of(source.frames, [](std::uint32_t frames) { return frames != 0; });
    });
}

}  // namespace

void SweepPlan::arrange() {
    for (SweepSource& source : sources) {
        sort_unique(source.policies);
        sort_unique(source.frames);
    }
    std::ranges::sort(sources, {}, order_of);
    const auto same = [](const SweepSource& a, const SweepSource& b) { return order_of(a) == order_of(b); };
    sources.erase(std::unique(sources.begin(), sources.end(), same), sources.end());
    sort_unique(seeds);
}

std::uint64_t SweepPlan::configuration_count() const {
    std::uint64_t count = 0;
    for (const SweepSource& source : sources) count += count_of(source, seeds.size());
    return count;
}

SweepConfiguration SweepPlan::configuration(std::uint64_t index) const {
    for (std::size_t i = 0; i < sources.size(); ++i) {
        const SweepSource& source = sources[i];
        const std::uint64_t count = count_of(source, seeds.size());
        if (index >= count) {
            index -= count;
            continue;
        }
        const std::uint64_t seed = seeds[index % seeds.size()];
        index /= seeds.size();
        const std::uint32_t frame_count = source.frames[index % source.frames.size()];
        return {source, i, source.policies[index / source.frames.size()], frame_count, seed};
    }
    FL_ASSERT(false && "a configuration of the plan");
}

std::string SweepPlan::name() const { return sha256(plan_json(*this).dump()); }

std::uint64_t SweepPlanFile::task_of(std::uint64_t configuration) const {
    // The division rounds down at both ends; one of two neighbours is meant.
    std::uint64_t task = configuration * task_count / plan.configuration_count();
    while (first_of(task + 1) <= configuration) ++task;
    return task;
}

std::string plan_text(const SweepPlanFile& file) { return file_json(file).dump(1, '\t') + "\n"; }

tl::expected<SweepPlanFile, std::string> parse_plan(const std::string& text) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object() || json.value("format", Json()) != format_name) {
        return tl::unexpected(std::string("is no plan of a sweep that this version of faultline knows"));
    }
    SweepPlanFile file;
    try {
        file = file_from(json);
    } catch (const Json::exception&) {
        return tl::unexpected(std::string("is a plan of a sweep that has been damaged"));
    }
    // Whatever was changed in it, left out or added shows where it is written once more.
    const std::uint64_t count = file.plan.configuration_count();
    const bool is_whole = is_arranged(file.plan) && has_only_possible_frames(file.plan) && count != 0 &&
                          count <= SweepPlan::most_configurations && file.task_count != 0 && file.task_count <= count &&
                          file_json(file) == json;
    if (!is_whole) return tl::unexpected(std::string("is a plan of a sweep that has been damaged"));
    return file;
}

bool is_utf8(const std::string& text) {
    try {
        return !Json(text).dump().empty();
    } catch (const Json::exception&) {
        return false;
    }
}

}  // namespace fl::lab
