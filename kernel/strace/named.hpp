// For tables of names: a flag or code whose macro is its name.
#pragma once

#include "kernel/strace/text.hpp"

#define NAMED(value) \
    ::fl::kernel::strace::FlagName { static_cast<std::uint64_t>(value), #value /* as it is said */ }
