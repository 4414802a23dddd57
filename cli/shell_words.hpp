// Words as a shell writes them.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fl::cli {

// Splits at blanks (space, tab, line end). Between single quotes everything stands for itself; between double quotes
// all but '"', and '\' before '"' or '\'; elsewhere '\' takes the meaning from any character behind it. Nothing is
// expanded: no variables, no patterns. The error is one line: a quote has no end, or nothing follows the last '\'.
tl::expected<std::vector<std::string>, std::string> shell_words(std::string_view text);

// A word that every shell reads as this text, which has no NUL.
std::string shell_quoted(const std::string& text);

}  // namespace fl::cli
