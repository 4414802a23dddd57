// CallSite: where a system call came from, for who asks later who called the function that made it.
#pragma once

#include "emu/registers.hpp"

#include <cstddef>
#include <vector>

namespace fl::kernel {

struct CallSite {
    emu::Registers registers;      // behind the SYSCALL instruction
    std::vector<std::byte> stack;  // from registers.rsp on
};

}  // namespace fl::kernel
