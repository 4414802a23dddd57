#include "mm/nearest_name.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>

namespace fl::mm {

namespace {

// How many letters have to be changed, added or left out.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
    for (std::size_t i = 1; i <= from.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

// The nearest of `names`; empty where none is near enough to be meant.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& names) {
    constexpr std::size_t far = 3;
    std::string_view best;
    std::size_t best_distance = far;
    for (const std::string_view candidate : names) {
        const std::size_t distance = edit_distance(name, candidate);
        // Not so far that every letter is another one.
        if (distance < best_distance && distance < candidate.size() && distance < name.size()) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace

std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string_view>& names) {
    const std::string_view meant = nearest(name, names);
    if (!meant.empty()) return fmt::format("unknown {} '{}'; did you mean '{}'?", kind, name, meant);
    return fmt::format("unknown {} '{}'; there are: {}", kind, name, fmt::join(names, ", "));
}

}  // namespace fl::mm
