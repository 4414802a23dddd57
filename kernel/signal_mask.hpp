// The signal mask that a call waits under: ppoll(2), pselect6(2), epoll_pwait(2).
#pragma once

#include "kernel/system.hpp"

#include <cstdint>

namespace fl::kernel {

// set_user_sigmask(): the mask at `address`, until Signals::restore_mask(); 0 leaves it as it is. EINVAL, EFAULT.
Result<void> suspend_with_mask(System& system, std::uint64_t address, std::uint64_t size_bytes);

}  // namespace fl::kernel
