#include "trace/filter.hpp"

#include "trace/filter_node.hpp"

#include <algorithm>
#include <utility>

namespace fl::trace {

using Node = Filter::Node;

Filter::Filter(std::unique_ptr<const Node> root) : root_(std::move(root)) {}
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;
Filter::~Filter() = default;

bool Filter::matches(const FilteredEvent& event) const { return root_->matches(event); }

// Where a * could have stood for too little, it is tried again with one character more; the last * is enough.
bool is_like(std::string_view text, std::string_view pattern) {
    std::size_t at = 0, in_pattern = 0;
    std::size_t star = std::string_view::npos, behind_star = 0;
    while (at < text.size()) {
        if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
            star = in_pattern++;
            behind_star = at;
        } else if (in_pattern < pattern.size() && (pattern[in_pattern] == '?' || pattern[in_pattern] == text[at])) {
            ++at;
            ++in_pattern;
        } else if (star != std::string_view::npos) {
            at = ++behind_star;
            in_pattern = star + 1;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

bool Node::matches(const FilteredEvent& event) const {
    const auto part_matches = [&event](const auto& part) { return part->matches(event); };
    switch (kind) {
        case Kind::any: return std::ranges::any_of(parts, part_matches);
        case Kind::all: return std::ranges::all_of(parts, part_matches);
        case Kind::none: return std::ranges::none_of(parts, part_matches);
        case Kind::comparison: return compares(event);
    }
    return false;
}

bool Node::compares(const FilteredEvent& event) const {
    std::string scratch;
    const FieldValue value = field->value(event, scratch);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return compares_number(*number);
    if (const auto* words = std::get_if<std::string_view>(&value)) return compares_text(*words);
    return false;
}

bool Node::compares_number(std::uint64_t value) const {
    const bool is_inside = first <= value && value <= last;
    switch (op) {
        case Operator::equal: return is_inside;
        case Operator::unequal: return !is_inside;
        case Operator::less: return value < first;
        case Operator::at_most: return value <= first;
        case Operator::more: return value > first;
        case Operator::at_least: return value >= first;
        case Operator::like:
        case Operator::unlike: break;
    }
    return false;
}

bool Node::compares_text(std::string_view value) const {
    // "main" is all of main: "main", "main+0x1f".
    const auto is_equal = [&] {
        if (value == text) return true;
        return field->name == "symbol" && value.starts_with(text) && value.substr(text.size()).starts_with("+0x");
    };
    const auto is_alike = [&] {
        return is_pattern ? is_like(value, text) : value.find(text) != std::string_view::npos;
    };
    switch (op) {
        case Operator::equal: return is_equal();
        case Operator::unequal: return !is_equal();
        case Operator::like: return is_alike();
        case Operator::unlike: return !is_alike();
        case Operator::less:
        case Operator::at_most:
        case Operator::more:
        case Operator::at_least: break;
    }
    return false;
}

}  // namespace fl::trace
