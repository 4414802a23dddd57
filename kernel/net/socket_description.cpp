#include "kernel/net/socket_description.hpp"

#include "kernel/net/unix_sockets.hpp"
#include "kernel/syscalls.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>

namespace fl::kernel {

SocketDescription::~SocketDescription() {
    socket_->release();
    all_.collect_in_time();
}

std::string SocketDescription::path() const { return fmt::format("socket:[{}]", inode_number()); }

Result<std::uint64_t> SocketDescription::read(System& system, UserSegments& into, std::uint64_t&) {
    if (into.bytes_left() == 0) return 0;  // sock_read_iter(): as System V has it
    const auto received = socket_->receive(system, into, is_nonblocking() ? MSG_DONTWAIT : 0);
    if (!received) return fail(received.error());
    return received->size_bytes;
}

Result<std::uint64_t> SocketDescription::write(System& system, UserSegments& from, std::uint64_t&) {
    return socket_->send(system, {.data = from, .flags = is_nonblocking() ? MSG_DONTWAIT : 0});
}

Result<std::uint64_t> SocketDescription::control(System& system, std::uint64_t request, std::uint64_t argument) {
    if (request != FIONREAD && request != TIOCOUTQ) return fail(Errno::enotty);
    const auto bytes = request == TIOCOUTQ ? Result<std::uint64_t>(socket_->charged()) : socket_->unread_bytes();
    if (!bytes) return fail(bytes.error());
    return answer(system.user().write(VirtAddr(argument), static_cast<std::int32_t>(*bytes)));
}

std::shared_ptr<SocketDescription> describe_socket(System& system, std::shared_ptr<UnixSocket> socket, int flags) {
    return std::make_shared<SocketDescription>(flags, nameless_file(system, S_IFSOCK | 0777), system.vfs.unix_sockets(),
                                               std::move(socket));
}

}  // namespace fl::kernel
