// The policies by name, and what a user writes to choose one.
#pragma once

#include "mm/replacement/policy.hpp"

#include <tl/expected.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fl::replacement {

// All built-in policies, by name.
std::span<const PolicyInfo* const> all_policies();
// nullptr: there is none of this name.
const PolicyInfo* find_policy(std::string_view name);

// A policy with its parameters: what Setup::parameters needs.
struct PolicyChoice {
    const PolicyInfo* info;  // for ever
    std::vector<double> parameters;
};

// "NAME[,key=value...]", NAME being a built-in policy or the path of a shared object (it ends in ".so" or has a '/').
// The error is one line.
tl::expected<PolicyChoice, std::string> parse_policy(std::string_view text);
// The same for a policy that is found already: `parameters` is "key=value,...", or empty.
tl::expected<std::vector<double>, std::string> parse_parameters(const PolicyInfo& info, std::string_view parameters);

// A value as a user would write it: the name of a choice, or a number.
std::string parameter_value_text(const Parameter& parameter, double value);
// "0..1", "lru|fifo".
std::string parameter_range_text(const Parameter& parameter);
// "every reference", "accessed bits", ...
std::string_view needs_text(Needs needs);

}  // namespace fl::replacement
