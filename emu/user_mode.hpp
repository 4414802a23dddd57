// How an instance of Unicorn gets to ring 3.
#pragma once

#include "emu/ram.hpp"

#include <unicorn/unicorn.h>

#include <tl/expected.hpp>

#include <string>

namespace fl::emu {

// Of an instance with a virtual TLB whose physical memory is `ram`. The error is one line for a person.
tl::expected<void, std::string> enter_user_mode(uc_engine* engine, const Ram& ram);

}  // namespace fl::emu
