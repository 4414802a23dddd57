// The modules by name, and what a user writes to load one.
#pragma once

#include "kernel/modules/module.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fl::kernel {

// All built-in modules, by name.
std::span<const ModuleInfo* const> all_modules();
// nullptr: there is none of this name.
const ModuleInfo* find_module(std::string_view name);

// A module to be loaded, with its arguments.
struct ModuleChoice {
    const ModuleInfo* info;  // for ever
    ModuleArguments arguments;
    // Once so many page faults have been handled (the numbers of a trace); 0: before the program's first instruction.
    std::uint64_t at_fault = 0;
};

// "NAME[,argument=value...]"; every module takes at-fault=N beside its own arguments. The error is one line.
tl::expected<ModuleChoice, std::string> parse_module(std::string_view text);

}  // namespace fl::kernel
