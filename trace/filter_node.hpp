// What Filter::parse() makes of an expression: a small tree.
#pragma once

#include "trace/filter.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fl::trace {

struct Filter::Node {
    enum class Kind : std::uint8_t { any, all, none, comparison };
    enum class Operator : std::uint8_t { equal, unequal, less, at_most, more, at_least, like, unlike };

    Kind kind{};
    std::vector<std::unique_ptr<const Node>> parts{};  // any, all: two or more; none: one

    // comparison
    const FilterField* field = nullptr;
    Operator op{};
    std::uint64_t first = 0, last = 0;  // a number, or a range with both ends
    std::string text{};                 // a word or a text
    bool is_pattern = false;            // it has * or ?

    bool matches(const FilteredEvent& event) const;

private:
    bool compares(const FilteredEvent& event) const;
    bool compares_number(std::uint64_t value) const;
    bool compares_text(std::string_view value) const;
};

}  // namespace fl::trace
