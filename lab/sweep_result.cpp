#include "lab/sweep_result.hpp"

#include "lab/sha256.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace fl::lab {

namespace {

using Json = nlohmann::json;

constexpr std::size_t check_digits = 16;
constexpr std::array statuses = {SweepStatus::ok, SweepStatus::stopped, SweepStatus::failed};

struct CountField {
    const char* name;
    std::optional<std::uint64_t> SweepResult::*member;
};
constexpr std::array<CountField, 12> count_fields = {{{"references", &SweepResult::references},
                                                      {"hits", &SweepResult::hits},
                                                      {"faults", &SweepResult::faults},
                                                      {"minor_faults", &SweepResult::minor_faults},
                                                      {"major_faults", &SweepResult::major_faults},
                                                      {"refaults", &SweepResult::refaults},
                                                      {"clean_evictions", &SweepResult::clean_evictions},
                                                      {"dirty_evictions", &SweepResult::dirty_evictions},
                                                      {"write_backs", &SweepResult::write_backs},
                                                      {"instructions", &SweepResult::instructions},
                                                      {"virtual_time_ns", &SweepResult::virtual_time_ns},
                                                      {"exit_status", &SweepResult::exit_status}}};
struct MeanField {
    const char* name;
    std::optional<double> SweepResult::*member;
};
constexpr std::array<MeanField, 2> mean_fields = {
    {{"resident_mean", &SweepResult::resident_mean}, {"access_ns", &SweepResult::access_ns}}};

std::string check_of(const std::string& plan_name, const std::string& json) {
    return sha256(plan_name + " " + json).substr(0, check_digits);
}

// Whatever bytes a policy or a program puts into its complaint.
std::string utf8(const std::string& text) {
    return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

Json result_json(std::uint64_t configuration, const SweepResult& result) {
    Json json = {{"configuration", configuration}, {"status", status_name(result.status)}};
    if (!result.error.empty()) json["error"] = result.error;
    for (const CountField& field : count_fields) {
        if (const auto& value = result.*field.member) json[field.name] = *value;
    }
    for (const MeanField& field : mean_fields) {
        if (const auto& value = result.*field.member) json[field.name] = *value;
    }
    return json;
}

NumberedResult result_from(const Json& json) {
    NumberedResult numbered;
    SweepResult& result = numbered.result;
    json.at("configuration").get_to(numbered.configuration);
    for (const SweepStatus status : statuses) {
        if (json.at("status") == status_name(status)) result.status = status;
    }
    result.error = json.value("error", std::string());
    for (const CountField& field : count_fields) {
        if (json.contains(field.name)) result.*field.member = json[field.name].get<std::uint64_t>();
    }
    for (const MeanField& field : mean_fields) {
        if (json.contains(field.name)) result.*field.member = json[field.name].get<double>();
    }
    return numbered;
}

}  // namespace

const char* status_name(SweepStatus status) {
    switch (status) {
        case SweepStatus::ok: return "ok";
        case SweepStatus::stopped: return "stopped";
        case SweepStatus::failed: break;
    }
    return "failed";
}

SweepResult failed_result(const std::string& error) {
    SweepResult result;
    result.status = SweepStatus::failed;
    result.error = utf8(error);
    return result;
}

SweepResult replay_result(const ReplayCounts& counts, const SweepCosts& costs) {
    const auto times = [](std::uint64_t count, std::uint64_t ns) {
        return static_cast<double>(count) * static_cast<double>(ns);
    };
    SweepResult result;
    result.references = counts.references;
    result.hits = counts.hits();
    result.faults = counts.faults;
    result.minor_faults = counts.faults - counts.refaults;
    result.major_faults = counts.refaults;
    result.refaults = counts.refaults;
    result.clean_evictions = counts.clean_evictions;
    result.dirty_evictions = counts.dirty_evictions;
    result.write_backs = counts.write_backs;
    if (counts.references == 0) return result;
    const auto references = static_cast<double>(counts.references);
    result.resident_mean = static_cast<double>(counts.resident_sum) / references;
    result.access_ns = (times(counts.hits(), costs.memory_ns) + times(*result.minor_faults, costs.minor_ns) +
                        times(counts.refaults, costs.major_ns)) /
                       references;
    return result;
}

std::string result_line(const std::string& plan_name, std::uint64_t configuration, const SweepResult& result) {
    const std::string json = result_json(configuration, result).dump();
    return check_of(plan_name, json) + " " + json;
}

std::optional<NumberedResult> parse_result_line(const std::string& plan_name, const std::string& line) {
    if (line.size() <= check_digits || line[check_digits] != ' ') return std::nullopt;
    const std::string json = line.substr(check_digits + 1);
    if (line.substr(0, check_digits) != check_of(plan_name, json)) return std::nullopt;
    const Json parsed = Json::parse(json, nullptr, false);
    try {
        return result_from(parsed);
    } catch (const Json::exception&) {
        return std::nullopt;
    }
}

}  // namespace fl::lab
