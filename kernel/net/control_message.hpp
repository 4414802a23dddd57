// Control messages: what sendmsg(2) and recvmsg(2) pass beside the bytes: open files and credentials (Linux:
// net/core/scm.c).
#pragma once

#include "kernel/net/unix_socket.hpp"

#include <cstdint>
#include <span>

namespace fl::kernel {

// __scm_send(): what `control`, a list of struct cmsghdr, asks for goes into `request`. EINVAL, EBADF, EPERM, ESRCH.
Result<void> read_control(const System& system, std::span<const std::byte> control, UnixSocket::SendRequest& request);

// scm_recv(): writes what was received to the program, with new descriptors for its files.
class ControlWriter {
public:
    // The program's buffer; `address` 0: it wants none.
    ControlWriter(System& system, std::uint64_t address, std::uint64_t size_bytes)
        : system_(system), address_(address), left_(size_bytes) {}
    // `flags`: MSG_CMSG_CLOEXEC. Answers MSG_CTRUNC or 0.
    int write(UnixSocket::Received& received, bool wants_credentials, int flags);
    std::uint64_t written_bytes() const { return written_; }

private:
    int put(int type, std::span<const std::byte> data);
    int put_files(const PassedFiles& files, bool close_on_exec);

    System& system_;
    std::uint64_t address_, left_, written_ = 0;
};

}  // namespace fl::kernel
