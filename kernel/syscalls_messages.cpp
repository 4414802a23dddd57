// Messages through sockets (Linux: net/socket.c).
#include "kernel/net/control_message.hpp"
#include "kernel/net/unix_sockets.hpp"
#include "kernel/socket_argument.hpp"
#include "kernel/user_time.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <limits>

namespace fl::kernel {

namespace {

struct UserMessage {  // struct msghdr
    std::uint64_t name;
    std::int32_t name_bytes;
    std::int32_t unused;
    std::uint64_t segments, segment_count;
    std::uint64_t control, control_bytes;
    std::int32_t flags, unused_2;
};
static_assert(sizeof(UserMessage) == 56);

struct UserMessages {  // struct mmsghdr
    UserMessage message;
    std::uint32_t size_bytes, unused;
};

constexpr std::int32_t largest_name = 128;          // struct sockaddr_storage
constexpr std::uint64_t largest_control = 131'072;  // net.core.optmem_max

int with_nonblock(const SocketDescription& description, int flags) {
    return description.is_nonblocking() ? flags | MSG_DONTWAIT : flags;
}

// copy_msghdr_from_user(). EFAULT, EINVAL, EMSGSIZE.
Result<UserMessage> read_message(System& system, std::uint64_t address) {
    auto message = system.user().read<UserMessage>(VirtAddr(address));
    if (!message) return message;
    if (message->name == 0) message->name_bytes = 0;
    if (message->name_bytes < 0) return fail(Errno::einval);
    message->name_bytes = std::min(message->name_bytes, largest_name);
    if (message->segment_count > max_segments) return fail(Errno::emsgsize);
    return message;
}

// What was named, for a socket that looks at it: of SOCK_SEQPACKET none does.
Result<std::optional<UnixAddress>> read_target(const UnixSocket& socket, const std::vector<std::byte>& bytes) {
    if (bytes.empty() || socket.type() == SOCK_SEQPACKET) return std::optional<UnixAddress>();
    // A stream refuses any (EISCONN, EOPNOTSUPP).
    if (socket.is_stream()) return std::optional<UnixAddress>(UnixAddress{});
    auto address = UnixAddress::decoded(bytes);
    if (!address) return fail(address.error());
    return std::optional<UnixAddress>(std::move(*address));
}

Result<std::vector<std::byte>> read_control_bytes(System& system, const UserMessage& message) {
    std::vector<std::byte> control;
    if (message.control_bytes == 0) return control;
    if (message.control_bytes > largest_control) return fail(Errno::enobufs);
    control.resize(message.control_bytes);
    if (auto done = system.user().copy_from(VirtAddr(message.control), control); !done) return fail(done.error());
    return control;
}

// ____sys_sendmsg()
Result<std::uint64_t> send_message(System& system, SocketDescription& description, std::uint64_t address, int flags) {
    const auto message = read_message(system, address);
    if (!message) return fail(message.error());
    const auto name = read_socket_address(system, message->name, message->name_bytes);
    if (!name) return fail(name.error());
    auto segments = UserSegments::gather(system.user(), message->segments, message->segment_count);
    if (!segments) return fail(segments.error());
    const auto control = read_control_bytes(system, *message);
    if (!control) return fail(control.error());
    UnixSocket::SendRequest request{.data = *segments, .flags = with_nonblock(description, flags)};
    if (auto read = read_control(system, *control, request); !read) return fail(read.error());
    auto target = read_target(*description.socket(), *name);
    if (!target) return fail(target.error());
    request.to = std::move(*target);
    return description.socket()->send(system, std::move(request));
}

std::vector<std::byte> sender_name(const UnixSocket::Received& received) {
    return received.from && !received.from->is_unnamed() ? received.from->encoded() : std::vector<std::byte>{};
}

// ____sys_recvmsg()
Result<std::uint64_t> receive_message(System& system, SocketDescription& description, std::uint64_t address,
                                      int flags) {
    const auto message = read_message(system, address);
    if (!message) return fail(message.error());
    auto segments = UserSegments::gather(system.user(), message->segments, message->segment_count);
    if (!segments) return fail(segments.error());
    UnixSocket& socket = *description.socket();
    auto received = socket.receive(system, *segments, with_nonblock(description, flags));
    if (!received) return fail(received.error());
    ControlWriter control(system, message->control, message->control_bytes);
    int shown = received->flags | (flags & MSG_CMSG_CLOEXEC);
    if (received->from || socket.is_stream())
        shown |= control.write(*received, socket.options().passes_credentials, flags);
    system.vfs.unix_sockets().discard(std::move(received->files));
    if (message->name != 0) {
        const auto told = write_socket_address(system, sender_name(*received), message->name,
                                               address + offsetof(UserMessage, name_bytes));
        if (!told) return fail(told.error());
    }
    auto done = system.user().write(VirtAddr(address + offsetof(UserMessage, flags)), std::int32_t{shown});
    if (done) {
        done = system.user().write(VirtAddr(address + offsetof(UserMessage, control_bytes)), control.written_bytes());
    }
    if (!done) return fail(done.error());
    return received->size_bytes;
}

using OneMessage = Result<std::uint64_t> (*)(System&, SocketDescription&, std::uint64_t, int);

struct Several {
    std::uint64_t address;
    std::uint32_t count;
    int flags;
    std::optional<std::uint64_t> deadline_ns{};
};

// One after the other; how many went. What stops them after the first is for the next call to say.
Result<std::uint64_t> each_message(System& system, SocketDescription& description, Several several, OneMessage one) {
    std::uint32_t done = 0;
    while (done < several.count) {
        const std::uint64_t place = several.address + done * sizeof(UserMessages);
        const auto size_bytes = one(system, description, place, several.flags & ~MSG_WAITFORONE);
        if (!size_bytes) {
            if (done == 0) return size_bytes;
            system.task.restart_call.reset();
            if (one == receive_message && size_bytes.error() != Errno::eagain) {
                description.socket()->set_error(size_bytes.error());
            }
            break;
        }
        const auto size = static_cast<std::uint32_t>(*size_bytes);
        const VirtAddr size_place(place + offsetof(UserMessages, size_bytes));
        if (auto told = system.user().write(size_place, size); !told) {
            return done > 0 ? Result<std::uint64_t>(done) : fail(told.error());
        }
        ++done;
        if ((several.flags & MSG_WAITFORONE) != 0) several.flags |= MSG_DONTWAIT;
        if (several.deadline_ns && system.clock.monotonic_ns() >= *several.deadline_ns) break;
    }
    return done;
}

}  // namespace

Result<std::uint64_t> sys_sendto(System& system, const Arguments& a) {
    auto segments = UserSegments::single(system.user(), a[1], a[2]);
    if (!segments) return fail(segments.error());
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    const auto name = a[4] == 0 ? std::vector<std::byte>() : read_socket_address(system, a[4], int_argument(a[5]));
    if (!name) return fail(name.error());
    auto target = read_target(*(*description)->socket(), *name);
    if (!target) return fail(target.error());
    UnixSocket::SendRequest request{.data = *segments, .flags = with_nonblock(**description, int_argument(a[3]))};
    request.to = std::move(*target);
    return (*description)->socket()->send(system, std::move(request));
}

Result<std::uint64_t> sys_recvfrom(System& system, const Arguments& a) {
    auto segments = UserSegments::single(system.user(), a[1], a[2]);
    if (!segments) return fail(segments.error());
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    auto received =
        (*description)->socket()->receive(system, *segments, with_nonblock(**description, int_argument(a[3])));
    if (!received) return fail(received.error());
    system.vfs.unix_sockets().discard(std::move(received->files));
    if (a[4] != 0) {
        if (auto told = write_socket_address(system, sender_name(*received), a[4], a[5]); !told) {
            return fail(told.error());
        }
    }
    return received->size_bytes;
}

Result<std::uint64_t> sys_sendmsg(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    return send_message(system, **description, a[1], int_argument(a[2]));
}

Result<std::uint64_t> sys_recvmsg(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    return receive_message(system, **description, a[1], int_argument(a[2]));
}

Result<std::uint64_t> sys_sendmmsg(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    const auto count = std::min(static_cast<std::uint32_t>(a[2]), static_cast<std::uint32_t>(max_segments));
    return each_message(system, **description, {a[1], count, int_argument(a[3])}, send_message);
}

// The time is looked at between the messages only, as on Linux.
Result<std::uint64_t> sys_recvmmsg(System& system, const Arguments& a) {
    std::optional<std::uint64_t> deadline_ns;
    if (a[4] != 0) {
        const auto timeout_ns = read_user_time(system, a[4]);
        if (!timeout_ns) return fail(timeout_ns.error());
        deadline_ns = add_times(system.clock.monotonic_ns(), *timeout_ns);
    }
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    if (const auto error = (*description)->socket()->take_error()) return fail(*error);
    const auto received =
        each_message(system, **description, {a[1], static_cast<std::uint32_t>(a[2]), int_argument(a[3]), deadline_ns},
                     receive_message);
    if (received && *received > 0 && deadline_ns) {
        const std::uint64_t now_ns = system.clock.monotonic_ns();
        const auto left = timespec_of(*deadline_ns > now_ns ? *deadline_ns - now_ns : 0);
        if (auto told = system.user().write(VirtAddr(a[4]), left); !told) return fail(told.error());
    }
    return received;
}

}  // namespace fl::kernel
