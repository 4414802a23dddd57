#include "mm/replacement/registry.hpp"

#include "mm/replacement/built_in.hpp"
#include "mm/replacement/nearest_name.hpp"
#include "mm/replacement/plugin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace fl::replacement {

namespace {

bool is_path(std::string_view name) { return name.ends_with(".so") || name.find('/') != std::string_view::npos; }

std::optional<double> number_from(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
    return number;
}

std::optional<double> value_from(const Parameter& parameter, std::string_view text) {
    for (std::size_t i = 0; i < parameter.choices.size(); ++i)
        if (text == parameter.choices[i]) return static_cast<double>(i);
    if (!parameter.choices.empty()) return std::nullopt;
    const std::optional<double> number = number_from(text);
    if (!number || *number < parameter.least || *number > parameter.most) return std::nullopt;
    if (parameter.is_whole && *number != std::floor(*number)) return std::nullopt;
    return number;
}

// Takes what stands before the first `separator` off `text`, and the separator as well.
std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view taken = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return taken;
}

}  // namespace

std::span<const PolicyInfo* const> all_policies() {
    using namespace built_in;
    static const auto policies = [] {
        std::array all{
            &arc(),         &car(),    &clock(),  &clock_pro(), &fifo(),          &lfu(),       &linux_two_lists(),
            &lirs(),        &lru(),    &lru_k(),  &mglru(),     &mru(),           &nfu_aging(), &nru(),
            &opt(),         &pff(),    &random(), &s3_fifo(),   &second_chance(), &sieve(),     &two_queues(),
            &working_set(), &wsclock()};
        std::sort(all.begin(), all.end(), [](const PolicyInfo* a, const PolicyInfo* b) {
            return std::string_view(a->name) < std::string_view(b->name);
        });
        return all;
    }();
    return policies;
}

const PolicyInfo* find_policy(std::string_view name) {
    for (const PolicyInfo* info : all_policies())
        if (name == info->name) return info;
    return nullptr;
}

tl::expected<std::vector<double>, std::string> parse_parameters(const PolicyInfo& info, std::string_view parameters) {
    std::vector<double> values;
    std::vector<std::string_view> names;
    for (const Parameter& parameter : info.parameters) {
        values.push_back(parameter.default_value);
        names.emplace_back(parameter.name);
    }
    while (!parameters.empty()) {
        std::string_view value = take_until(parameters, ',');
        const std::string word(value);
        const std::string_view key = take_until(value, '=');
        if (word.find('=') == std::string::npos)
            return tl::unexpected(fmt::format("policy {}: '{}' is not of the form key=value", info.name, word));
        if (names.empty())
            return tl::unexpected(fmt::format("policy {} has no parameters, so no '{}'", info.name, key));
        const auto found = std::find(names.begin(), names.end(), key);
        if (found == names.end())
            return tl::unexpected(fmt::format("policy {}: {}", info.name, unknown_name("parameter", key, names)));
        const auto index = static_cast<std::size_t>(found - names.begin());
        const Parameter& parameter = info.parameters[index];
        const std::optional<double> number = value_from(parameter, value);
        if (!number && !parameter.choices.empty()) {
            return tl::unexpected(
                fmt::format("policy {}: {}: {}", info.name, key,
                            unknown_name("value", value, {parameter.choices.begin(), parameter.choices.end()})));
        }
        if (!number) {
            return tl::unexpected(fmt::format("policy {}: {}={} is not possible; {}{}", info.name, key, value,
                                              parameter.is_whole ? "a whole number " : "",
                                              parameter_range_text(parameter)));
        }
        values[index] = *number;
    }
    return values;
}

tl::expected<PolicyChoice, std::string> parse_policy(std::string_view text) {
    std::string_view parameters = text;
    const std::string name(take_until(parameters, ','));
    const PolicyInfo* info = find_policy(name);
    if (info == nullptr && is_path(name)) {
        auto loaded = load_plugin(name);
        if (!loaded) return tl::unexpected(loaded.error());
        info = *loaded;
    }
    if (info == nullptr) {
        if (name.empty()) return tl::unexpected(std::string("a policy has a name"));
        std::vector<std::string_view> names;
        for (const PolicyInfo* policy : all_policies()) names.emplace_back(policy->name);
        return tl::unexpected(unknown_name("policy", name, names));
    }
    if (text.ends_with(','))
        return tl::unexpected(fmt::format("policy {}: a parameter is missing behind the ','", name));
    auto values = parse_parameters(*info, parameters);
    if (!values) return tl::unexpected(values.error());
    return PolicyChoice{info, *std::move(values)};
}

std::string parameter_value_text(const Parameter& parameter, double value) {
    const auto index = static_cast<std::size_t>(value);
    if (index < parameter.choices.size()) return parameter.choices[index];
    constexpr double exact = 1e15;
    return value == std::floor(value) && std::abs(value) <= exact ? fmt::format("{:.0f}", value)
                                                                  : fmt::format("{}", value);
}

std::string parameter_range_text(const Parameter& parameter) {
    if (!parameter.choices.empty()) return fmt::format("{}", fmt::join(parameter.choices, "|"));
    return parameter_value_text(parameter, parameter.least) + ".." + parameter_value_text(parameter, parameter.most);
}

std::string_view needs_text(Needs needs) {
    switch (needs) {
        case Needs::faults_only: return "faults only";
        case Needs::accessed_bits: return "accessed bits";
        case Needs::every_reference: return "every reference";
        case Needs::future: return "the future";
    }
    return "?";
}

}  // namespace fl::replacement
