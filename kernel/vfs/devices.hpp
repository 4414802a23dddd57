// The character devices of /dev (Linux: drivers/char/mem.c, random.c, kernel/printk, tty_io.c).
#pragma once

#include "kernel/vfs/inode.hpp"

namespace fl::kernel {

enum class Device : std::uint8_t { null, zero, full, random, urandom, kmsg, tty };

class Terminal;

// /dev/pts/N: a terminal of the host by the name that it has there, which ttyname(3) looks for.
std::shared_ptr<Inode> make_terminal(FileSystem& file_system, std::uint64_t now_ns, std::shared_ptr<Terminal> terminal);

std::shared_ptr<Inode> make_device(FileSystem& file_system, std::uint64_t now_ns, Device device);

}  // namespace fl::kernel
