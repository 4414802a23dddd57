// Sockets and their connections (Linux: net/socket.c, net/unix/af_unix.c). There is no network: of all families there
// is AF_UNIX.
#include "kernel/net/unix_sockets.hpp"
#include "kernel/path_argument.hpp"
#include "kernel/socket_argument.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace fl::kernel {

namespace {

constexpr int type_mask = 0xf;  // SOCK_TYPE_MASK
constexpr int type_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;

UserCredentials own_credentials(const System& system) {
    return {system.task.pid, system.task.credentials.user.effective, system.task.credentials.group.effective};
}

OnExec on_exec_of(int flags) { return (flags & SOCK_CLOEXEC) != 0 ? OnExec::close : OnExec::keep; }

// __sock_create(), unix_create(): the type that there is.
Result<int> check_kind(int family, int type, int protocol) {
    constexpr int families = 46, types = 11;  // AF_MAX, SOCK_MAX
    if (family < 0 || family >= families) return fail(Errno::eafnosupport);
    if (type < 0 || type >= types) return fail(Errno::einval);
    if (family != AF_UNIX) return fail(Errno::eafnosupport);
    if (protocol != 0 && protocol != AF_UNIX) return fail(Errno::eprotonosupport);
    switch (type) {
        case SOCK_STREAM:
        case SOCK_SEQPACKET:
        case SOCK_DGRAM: return type;
        case SOCK_RAW: return SOCK_DGRAM;
        default: return fail(Errno::esocktnosupport);
    }
}

// sock_alloc_file(), sock_alloc_inode(), sk_alloc()
constexpr std::array socket_objects{mm::KernelObject::dentry, mm::KernelObject::sock_inode_cache,
                                    mm::KernelObject::unix_sock};

std::shared_ptr<SocketDescription> make_socket(System& system, int type, int flags) {
    return describe_socket(system, std::make_shared<UnixSocket>(system.vfs.unix_sockets(), type),
                           flags & SOCK_NONBLOCK);
}

// A connection that waits, as accept4(2) gives it out.
Result<std::uint64_t> accept_with(System& system, const Arguments& a, int flags) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    if ((flags & ~type_flags) != 0) return fail(Errno::einval);
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    const auto listener = find_socket(system, a[0]);
    if (!listener) return fail(listener.error());
    UnixSocket& socket = *(*listener)->socket();
    const Patience patience(system, !(*listener)->is_nonblocking(), socket.options().receive_timeout_ns);
    auto accepted = socket.accept(system, patience);
    if (!accepted) return fail(accepted.error());
    const UnixAddress name = (*accepted)->peer() != nullptr ? (*accepted)->peer()->address() : UnixAddress{};
    auto description = describe_socket(system, std::move(*accepted), flags & SOCK_NONBLOCK);
    if (auto taken = description->take_memory(system.memory, socket_objects); !taken) return fail(taken.error());
    if (a[1] != 0) {
        if (auto told = write_socket_address(system, name.encoded(), a[1], a[2]); !told) return fail(told.error());
    }
    const auto still_free = system.task.files->find_free(*fd, open_file_limit(system));
    if (!still_free) return fail(Errno::emfile);
    system.task.files->put(*still_free, std::move(description), on_exec_of(flags));
    return *still_free;
}

}  // namespace

Result<std::shared_ptr<SocketDescription>> find_socket(const System& system, std::uint64_t fd) {
    const auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    auto socket = std::dynamic_pointer_cast<SocketDescription>(*file);
    if (socket == nullptr) return fail(Errno::enotsock);
    return socket;
}

Result<std::vector<std::byte>> read_socket_address(System& system, std::uint64_t address, std::int32_t size_bytes) {
    constexpr std::int32_t largest = 128;  // struct sockaddr_storage
    if (size_bytes < 0 || size_bytes > largest) return fail(Errno::einval);
    std::vector<std::byte> bytes(static_cast<std::size_t>(size_bytes));
    if (bytes.empty()) return bytes;
    if (auto done = system.user().copy_from(VirtAddr(address), bytes); !done) return fail(done.error());
    return bytes;
}

Result<void> write_socket_address(System& system, const std::vector<std::byte>& bytes, std::uint64_t address,
                                  std::uint64_t length_address) {
    const auto room = system.user().read<std::int32_t>(VirtAddr(length_address));
    if (!room) return fail(room.error());
    if (*room < 0) return fail(Errno::einval);
    const auto shown = std::span(bytes).first(std::min(bytes.size(), static_cast<std::size_t>(*room)));
    if (!shown.empty()) {
        if (auto done = system.user().copy_to(VirtAddr(address), shown); !done) return done;
    }
    return system.user().write(VirtAddr(length_address), static_cast<std::int32_t>(bytes.size()));
}

Result<std::uint64_t> sys_socket(System& system, const Arguments& a) {
    const int type = int_argument(a[1]);
    if ((type & ~type_mask & ~type_flags) != 0) return fail(Errno::einval);
    const auto kind = check_kind(int_argument(a[0]), type & type_mask, int_argument(a[2]));
    if (!kind) return fail(kind.error());
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    auto description = make_socket(system, *kind, type);
    if (auto taken = description->take_memory(system.memory, socket_objects); !taken) return fail(taken.error());
    system.task.files->put(*fd, std::move(description), on_exec_of(type));
    return *fd;
}

Result<std::uint64_t> sys_socketpair(System& system, const Arguments& a) {
    const int type = int_argument(a[1]);
    if ((type & ~type_mask & ~type_flags) != 0) return fail(Errno::einval);
    const auto numbers = write_free_pair(system, a[3]);
    if (!numbers) return fail(numbers.error());
    const auto kind = check_kind(int_argument(a[0]), type & type_mask, int_argument(a[2]));
    if (!kind) return fail(kind.error());
    auto first = make_socket(system, *kind, type), second = make_socket(system, *kind, type);
    for (const auto& end : {first, second}) {
        if (auto taken = end->take_memory(system.memory, socket_objects); !taken) return fail(taken.error());
    }
    first->socket()->pair_with(*second->socket(), own_credentials(system));
    system.task.files->put((*numbers)[0], std::move(first), on_exec_of(type));
    system.task.files->put((*numbers)[1], std::move(second), on_exec_of(type));
    return 0;
}

Result<std::uint64_t> sys_bind(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    const auto bytes = read_socket_address(system, a[1], int_argument(a[2]));
    if (!bytes) return fail(bytes.error());
    const auto& socket = (*description)->socket();
    std::uint16_t family = AF_UNSPEC;
    if (bytes->size() == sizeof family) std::memcpy(&family, bytes->data(), sizeof family);
    if (family == AF_UNIX) {
        system.vfs.unix_sockets().bind_automatically(socket);
        return 0;
    }
    const auto address = UnixAddress::decoded(*bytes);
    if (!address) return fail(address.error());
    return answer(system.vfs.unix_sockets().bind(system, socket, *address));
}

Result<std::uint64_t> sys_listen(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    return answer((*description)->socket()->listen(int_argument(a[1]), own_credentials(system)));
}

Result<std::uint64_t> sys_accept(System& system, const Arguments& a) { return accept_with(system, a, 0); }
Result<std::uint64_t> sys_accept4(System& system, const Arguments& a) {
    return accept_with(system, a, int_argument(a[3]));
}

Result<std::uint64_t> sys_connect(System& system, const Arguments& a) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    const auto bytes = read_socket_address(system, a[1], int_argument(a[2]));
    if (!bytes) return fail(bytes.error());
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    UnixSocket& socket = *(*description)->socket();
    std::uint16_t family = 0;
    if (bytes->size() < sizeof family) return fail(Errno::einval);
    std::memcpy(&family, bytes->data(), sizeof family);
    if (family == AF_UNSPEC && !socket.has_connections()) {
        socket.disconnect();
        return 0;
    }
    const auto address = UnixAddress::decoded(*bytes);
    if (!address) return fail(address.error());
    const Patience patience(system, !(*description)->is_nonblocking(), socket.options().send_timeout_ns);
    return answer(socket.connect(system, *address, patience));
}

Result<std::uint64_t> sys_getsockname(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    return answer(write_socket_address(system, (*description)->socket()->address().encoded(), a[1], a[2]));
}

Result<std::uint64_t> sys_getpeername(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    const auto& peer = (*description)->socket()->peer();
    if (peer == nullptr) return fail(Errno::enotconn);
    return answer(write_socket_address(system, peer->address().encoded(), a[1], a[2]));
}

Result<std::uint64_t> sys_shutdown(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    const int how = int_argument(a[1]);
    if (how < SHUT_RD || how > SHUT_RDWR) return fail(Errno::einval);
    (*description)->socket()->shut_down(how != SHUT_WR, how != SHUT_RD);
    return 0;
}

}  // namespace fl::kernel
