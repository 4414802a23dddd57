#include "cli/sweep_grid.hpp"

#include "cli/size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace fl::cli {

namespace {

std::vector<std::string_view> comma_separated(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t end = text.find(',');
        words.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return words;
        text.remove_prefix(end + 1);
    }
}

// "key=value" and no policy. A path may have a '=' as well, but not before its first '/'.
bool is_parameter(std::string_view word) {
    const std::size_t equals = word.find('=');
    return equals != std::string_view::npos && word.substr(0, equals).find('/') == std::string_view::npos;
}

std::string canonical_text(std::string_view name, const replacement::PolicyChoice& choice) {
    std::string text(name);
    for (std::size_t i = 0; i < choice.parameters.size(); ++i) {
        const replacement::Parameter& parameter = choice.info->parameters[i];
        if (choice.parameters[i] == parameter.default_value) continue;
        text +=
            fmt::format(",{}={}", parameter.name, replacement::parameter_value_text(parameter, choice.parameters[i]));
    }
    return text;
}

void add_once(std::vector<NamedPolicy>& policies, NamedPolicy policy) {
    const auto same = [&policy](const NamedPolicy& other) { return other.text == policy.text; };
    if (std::ranges::none_of(policies, same)) policies.push_back(std::move(policy));
}

std::optional<std::uint32_t> frames_from(std::string_view text) {
    const auto pages = parse_page_count(text);
    if (!pages || *pages == PageCount(0) || *pages > PageCount(FrameGrid::most_frames)) return std::nullopt;
    return static_cast<std::uint32_t>(pages->value());
}

// How a range goes on from one number to the next.
struct Step {
    double factor = 1;
    std::uint64_t distance = 1;

    std::uint64_t after(std::uint64_t frames) const {
        const auto larger = static_cast<std::uint64_t>(std::floor(static_cast<double>(frames) * factor));
        return std::max(larger, frames) == frames ? frames + distance : larger;
    }
};

std::optional<Step> step_from(std::string_view text) {
    constexpr double most_factor = 1e6;
    if (text.empty()) return Step{};
    Step step;
    const char kind = text.front();
    text.remove_prefix(1);
    if (kind == '+') {
        const auto distance = frames_from(text);
        if (!distance) return std::nullopt;
        step.distance = *distance;
        return step;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step.factor);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (!(step.factor > 1 && step.factor <= most_factor)) return std::nullopt;
    return step;
}

tl::expected<void, std::string> add_range(std::string_view word, std::vector<std::uint32_t>& sizes) {
    const std::size_t dots = word.find("..");
    const std::string_view behind = word.substr(dots + 2);
    const std::size_t digits = std::min(behind.find_first_of("+x"), behind.size());
    const auto least = frames_from(word.substr(0, dots));
    const auto most = frames_from(behind.substr(0, digits));
    const auto step = step_from(behind.substr(digits));
    if (!least || !most || !step) {
        return tl::unexpected(
            fmt::format("'{}' is not of the form MIN..MAX, MIN..MAX+STEP or MIN..MAXxFACTOR, from 1 frame", word));
    }
    if (*least > *most) return tl::unexpected(fmt::format("'{}' ends before it begins", word));
    for (std::uint64_t frames = *least; frames <= *most; frames = step->after(frames)) {
        if (sizes.size() >= FrameGrid::most_sizes) {
            return tl::unexpected(fmt::format("'{}' makes more than {} sizes", word, FrameGrid::most_sizes));
        }
        sizes.push_back(static_cast<std::uint32_t>(frames));
    }
    return {};
}

}  // namespace

tl::expected<std::vector<NamedPolicy>, std::string> parse_policies(std::string_view list) {
    std::vector<std::string> texts;
    for (const std::string_view word : comma_separated(list)) {
        const bool continues = !texts.empty() && texts.back() != "all" && is_parameter(word);
        if (continues) {
            texts.back() += fmt::format(",{}", word);
        } else {
            texts.emplace_back(word);
        }
    }
    std::vector<NamedPolicy> policies;
    for (const std::string& text : texts) {
        if (text == "all") {
            for (const replacement::PolicyInfo* info : replacement::all_policies()) {
                add_once(policies, {info->name, *replacement::parse_policy(info->name)});
            }
            continue;
        }
        auto choice = replacement::parse_policy(text);
        if (!choice) return tl::unexpected(choice.error());
        add_once(policies, {canonical_text(text.substr(0, text.find(',')), *choice), *choice});
    }
    return policies;
}

tl::expected<FrameGrid, std::string> FrameGrid::parse(std::string_view text) {
    FrameGrid grid;
    for (const std::string_view word : comma_separated(text)) {
        if (word == "all") {
            grid.is_all_ = true;
        } else if (word.find("..") != std::string_view::npos) {
            if (const auto added = add_range(word, grid.sizes_); !added) return tl::unexpected(added.error());
        } else if (const auto frames = frames_from(word)) {
            grid.sizes_.push_back(*frames);
        } else {
            return tl::unexpected(
                fmt::format("'{}' is no number of frames from 1 to {}, no MIN..MAX and not 'all'", word, most_frames));
        }
    }
    return grid;
}

std::vector<std::uint32_t> FrameGrid::sizes(std::uint64_t page_count) const {
    std::vector<std::uint32_t> sizes = sizes_;
    const std::uint64_t most = is_all_ ? std::min<std::uint64_t>(page_count, most_frames) : 0;
    for (std::uint64_t frames = 1; frames <= most; ++frames) sizes.push_back(static_cast<std::uint32_t>(frames));
    std::ranges::sort(sizes);
    sizes.erase(std::ranges::unique(sizes).begin(), sizes.end());
    return sizes;
}

}  // namespace fl::cli
