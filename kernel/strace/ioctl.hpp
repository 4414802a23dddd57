// ioctl(2): the request, and its argument, which depends on the request.
#pragma once

#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_ioctl_request(const Argument&);
// What the program passes; and what the call fills, where the request does that.
std::string print_ioctl_argument(const Argument&);
std::string print_ioctl_filled(const Argument&);

}  // namespace fl::kernel::strace
