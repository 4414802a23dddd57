// The name that somebody meant who wrote another one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fl::replacement {

// How many letters have to be changed, added, left out or swapped with their neighbour, none of them twice: the
// restricted distance of Damerau (A technique for computer detection and correction of spelling errors, CACM 7(3),
// 1964).
std::size_t edit_distance(std::string_view from, std::string_view to);

// The one of `names` that `name` is a misspelling of: in other case, or one letter in three wrong at most, or the
// beginning of it, of three letters or more. Of several the likeliest, then the first; empty: none is near.
std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& names);

// "unknown policy 'clok'; did you mean 'clock'?", or what there is where nothing is near.
std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string_view>& names);

}  // namespace fl::replacement
