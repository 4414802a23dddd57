// Filter: which faults, evictions and write-backs of a trace are meant, as an expression says:
//
//   any     = all { "||" all }
//   all     = not { "&&" not }
//   not     = "!" not | "(" any ")" | field operator value
//   operator: = (or ==) != < <= > >= and ~ (contains; or, with * and ?, is like it as a whole) !~
//   value   = word | "in quotes, with \" and \\" | first..last
//
// Numbers are decimal or 0x...; with K, M or G, 1024 of each. Times take ns (the default), us, ms and s, and fractions.
// A range of addresses ends before its second address, any other has both of its ends. An event that lacks the field
// is not meant, whatever the operator.
#pragma once

#include "trace/filter_fields.hpp"

#include <tl/expected.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace fl::trace {

class Filter {
public:
    // The error is one line that says the column, from 1.
    static tl::expected<Filter, std::string> parse(std::string_view text);
    Filter(Filter&&) noexcept;
    Filter& operator=(Filter&&) noexcept;
    ~Filter();

    bool matches(const FilteredEvent& event) const;

    struct Node;

private:
    explicit Filter(std::unique_ptr<const Node> root);

    std::unique_ptr<const Node> root_;  // never nullptr, unless moved from
};

// Whether `text` is like `pattern`, where * stands for any characters and ? for one.
bool is_like(std::string_view text, std::string_view pattern);

}  // namespace fl::trace
