// What the system calls on sockets share: a descriptor that is a socket, and addresses as programs pass them.
#pragma once

#include "kernel/net/socket_description.hpp"
#include "kernel/syscalls.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace fl::kernel {

// EBADF, ENOTSOCK.
Result<std::shared_ptr<SocketDescription>> find_socket(const System& system, std::uint64_t fd);

// move_addr_to_kernel(): the bytes of a struct sockaddr. EINVAL, EFAULT.
Result<std::vector<std::byte>> read_socket_address(System& system, std::uint64_t address, std::int32_t size_bytes);
// move_addr_to_user(): as much as *`length_address` has room for, and there how long it is. EINVAL, EFAULT.
Result<void> write_socket_address(System& system, const std::vector<std::byte>& bytes, std::uint64_t address,
                                  std::uint64_t length_address);

}  // namespace fl::kernel
