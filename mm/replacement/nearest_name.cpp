#include "mm/replacement/nearest_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

namespace fl::replacement {

namespace {

std::string lower_case(std::string_view text) {
    std::string lower;
    for (const char letter : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    return lower;
}

// How badly something was misspelt, then how many letters differ. The beginning of a name comes behind names with one
// mistake, and before those with more.
using Misspelling = std::pair<std::size_t, std::size_t>;

// nullopt: nobody means this candidate. Both in the same case.
std::optional<Misspelling> misspelling(const std::string& written, const std::string& candidate) {
    constexpr std::size_t letters_for_a_mistake = 3, most_mistakes = 3, least_beginning = 3;
    const std::size_t distance = edit_distance(written, candidate);
    const std::size_t letters = std::max(written.size(), candidate.size());
    const bool is_near = distance <= std::min(letters / letters_for_a_mistake, most_mistakes);
    if (is_near && distance <= 1) return Misspelling{0, distance};
    if (written.size() >= least_beginning && candidate.starts_with(written)) return Misspelling{1, distance};
    if (is_near) return Misspelling{2, distance};
    return std::nullopt;
}

}  // namespace

std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> before_last, last, row(to.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= from.size(); ++i) {
        before_last = std::move(last);
        last = std::move(row);
        row.assign(to.size() + 1, i);
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
            row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
            const bool is_swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            if (is_swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
    }
    return row.back();
}

std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& names) {
    const std::string written = lower_case(name);
    std::string_view best;
    std::optional<Misspelling> least;
    for (const std::string_view candidate : names) {
        const auto misspelt = misspelling(written, lower_case(candidate));
        if (!misspelt || (least && *misspelt >= *least)) continue;
        best = candidate;
        least = misspelt;
    }
    return best;
}

std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string_view>& names) {
    const std::string_view meant = nearest_name(name, names);
    if (!meant.empty()) return fmt::format("unknown {} '{}'; did you mean '{}'?", kind, name, meant);
    return fmt::format("unknown {} '{}'; there are: {}", kind, name, fmt::join(names, ", "));
}

}  // namespace fl::replacement
