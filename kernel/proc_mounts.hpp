// /proc/PID/mounts and mountinfo (Linux: fs/proc_namespace.c). Everybody sees the same mounts.
#pragma once

#include "kernel/vfs/vfs.hpp"

#include <string>

namespace fl::kernel {

std::string proc_mounts(const Vfs& vfs);
std::string proc_mountinfo(const Vfs& vfs);

}  // namespace fl::kernel
