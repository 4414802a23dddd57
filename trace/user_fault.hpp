// UserFault: as much of a page fault as the host's kernel tells.
#pragma once

#include "emu/address.hpp"

namespace fl::trace {

struct UserFault {
    VirtAddr instruction;
    VirtAddr address;
    friend bool operator==(const UserFault&, const UserFault&) = default;
};

}  // namespace fl::trace
