// FIFOs: pipes with a name (Linux: fifo_open in fs/pipe.c).
#pragma once

#include "kernel/vfs/file_description.hpp"

namespace fl::kernel {

// Waits until the other end is open as well, unless O_NONBLOCK is among `flags`. ENXIO, EINTR.
Result<std::shared_ptr<FileDescription>> open_fifo(System& system, const DentryPointer& dentry, int flags);

}  // namespace fl::kernel
