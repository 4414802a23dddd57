// From files into pipes and back, without a detour through the program (Linux: fs/splice.c). Bytes are copied where
// Linux moves pages.
#pragma once

#include "kernel/syscalls.hpp"
#include "kernel/vfs/pipe.hpp"

namespace fl::kernel {

// Whether it has a splice_read and a splice_write: files, devices, sockets, streams; but not the kernel's log.
bool can_splice(const System& system, const FileDescription& file);

// splice_file_to_pipe(): as much as the pipe has room for, once it has any. `at` moves on. EPIPE with a signal, EAGAIN,
// EINTR, EINVAL for what cannot be read so.
Result<std::uint64_t> splice_into_pipe(System& system, FileDescription& from, std::uint64_t& at, ByteChannel& to,
                                       std::uint64_t length_bytes, ByteChannel::Blocking blocking);

}  // namespace fl::kernel
