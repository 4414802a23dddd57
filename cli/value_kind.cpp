#include "cli/value_kind.hpp"

#include <algorithm>

namespace fl::cli {

namespace {

using Of = ValueKind::Of;

bool is_word(std::string_view text) {
    const auto is_letter = [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-';
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), is_letter);
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t end = text.find_first_of(separators);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// What is written in capital letters, and may have more behind it.
bool is_called(std::string_view text, std::string_view name) {
    return text.starts_with(name) && (text.size() == name.size() || text.substr(name.size()).starts_with('.') ||
                                      text.substr(name.size()).starts_with(']'));
}

ValueKind value_kind(std::string_view text) {
    if (text.starts_with("NAMES") || text.starts_with("NAME[,key=value...][,NAME")) return {Of::policies};
    if (text.starts_with("NAME[,key=value")) return {Of::policy};
    if (is_called(text, "FILE") || text.starts_with("HOST:GUEST")) return {Of::file};
    if (is_called(text, "DIR")) return {Of::folder};
    std::vector<std::string> words = split(text, "|,");
    words.erase(std::remove_if(words.begin(), words.end(), [](const auto& word) { return !is_word(word); }),
                words.end());
    if (words.empty()) return {};
    return {text.find(',') == std::string_view::npos ? Of::word : Of::words, std::move(words)};
}

}  // namespace

std::vector<ValueKind> value_kinds(std::string_view value) {
    std::vector<ValueKind> kinds;
    // A blank within quotes is none between values.
    if (value.empty() || value.front() == '\'') return {ValueKind{}};
    for (const std::string& part : split(value, " ")) kinds.push_back(value_kind(part));
    return kinds;
}

ValueKind operand_kind(std::string_view operands) {
    for (const std::string& word : split(operands, " ")) {
        const std::string_view name = std::string_view(word).substr(word.starts_with('[') ? 1 : 0);
        if (name.starts_with("NAME[,key=value")) return {Of::policy};
        if (is_called(name, "FILE") || is_called(name, "PROGRAM") || is_called(name, "IN")) return {Of::file};
        if (is_called(name, "DIR")) return {Of::folder};
    }
    return {};
}

}  // namespace fl::cli
