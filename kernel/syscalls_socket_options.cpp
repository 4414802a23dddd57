// Options of sockets (Linux: net/core/sock.c). AF_UNIX has none of its own.
#include "kernel/net/socket_options.hpp"
#include "kernel/socket_argument.hpp"
#include "kernel/user_time.hpp"
#include "kernel/user_usage.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace fl::kernel {

namespace {

constexpr int receive_timeout_new = 66, send_timeout_new = 67;  // SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW

using Bytes = std::vector<std::byte>;

template <class T>
Bytes bytes_of(const T& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    return {bytes.begin(), bytes.end()};
}

// Those that are on or off, and mean nothing to AF_UNIX.
bool is_flag(int option) {
    switch (option) {
        case SO_REUSEADDR:
        case SO_DONTROUTE:
        case SO_BROADCAST:
        case SO_KEEPALIVE:
        case SO_OOBINLINE:
        case SO_DEBUG:
        case SO_TIMESTAMP:
        case SO_TIMESTAMPNS: return true;
        default: return false;
    }
}

UserTimeval time_of(const std::optional<std::uint64_t>& timeout_ns) {
    return timeout_ns ? timeval_of(*timeout_ns) : UserTimeval{0, 0};
}

Result<Bytes> value_of(UnixSocket& socket, int option) {
    SocketOptions& options = socket.options();
    if (is_flag(option)) return bytes_of(std::int32_t{options.flags[option]});
    switch (option) {
        case SO_TYPE: return bytes_of(std::int32_t{socket.type()});
        case SO_DOMAIN: return bytes_of(std::int32_t{AF_UNIX});
        case SO_PROTOCOL: return bytes_of(std::int32_t{0});
        case SO_ERROR: {
            const auto error = socket.take_error();
            return bytes_of(error ? static_cast<std::int32_t>(*error) : 0);
        }
        case SO_ACCEPTCONN: return bytes_of(std::int32_t{socket.state() == UnixSocket::State::listening ? 1 : 0});
        case SO_SNDBUF: return bytes_of(options.send_buffer_bytes);
        case SO_RCVBUF: return bytes_of(options.receive_buffer_bytes);
        case SO_SNDLOWAT: return bytes_of(std::int32_t{1});
        case SO_RCVLOWAT: return bytes_of(options.receive_low_water);
        case SO_PRIORITY: return bytes_of(options.priority);
        case SO_REUSEPORT: return bytes_of(std::int32_t{0});
        case SO_PASSCRED: return bytes_of(std::int32_t{options.passes_credentials ? 1 : 0});
        case SO_LINGER: return bytes_of(linger{options.linger_on, options.linger_seconds});
        case SO_RCVTIMEO:
        case receive_timeout_new: return bytes_of(time_of(options.receive_timeout_ns));
        case SO_SNDTIMEO:
        case send_timeout_new: return bytes_of(time_of(options.send_timeout_ns));
        case SO_PEERCRED: return bytes_of(socket.peer_credentials());
        default: return fail(Errno::enoprotoopt);
    }
}

// sock_set_timeout(): zero is for ever, what is negative is at once.
Result<void> set_timeout(System& system, std::optional<std::uint64_t>& timeout_ns, std::uint64_t address,
                         std::int32_t size_bytes) {
    if (size_bytes < static_cast<std::int32_t>(sizeof(UserTimeval))) return fail(Errno::einval);
    const auto time = system.user().read<UserTimeval>(VirtAddr(address));
    if (!time) return fail(time.error());
    if (time->microseconds < 0 || time->microseconds >= 1'000'000) return fail(Errno::edom);
    timeout_ns.reset();
    if (time->seconds < 0) {
        timeout_ns = 0;
    } else if (time->seconds != 0 || time->microseconds != 0) {
        const auto seconds = static_cast<std::uint64_t>(time->seconds);
        if (seconds < time_max_ns / ns_per_s) {
            timeout_ns = add_times(seconds * ns_per_s, static_cast<std::uint64_t>(time->microseconds) * ns_per_us);
        }
    }
    return {};
}

Result<void> set_linger(System& system, SocketOptions& options, std::uint64_t address, std::int32_t size_bytes) {
    if (size_bytes < static_cast<std::int32_t>(sizeof(linger))) return fail(Errno::einval);
    const auto given = system.user().read<linger>(VirtAddr(address));
    if (!given) return fail(given.error());
    options.linger_on = given->l_onoff != 0 ? 1 : 0;
    if (given->l_onoff != 0) options.linger_seconds = given->l_linger;
    return {};
}

// __sock_set_rcvbuf() and its like: twice of what was asked for, as half of it is the kernel's own need.
std::uint32_t buffer_bytes(std::int32_t asked, std::uint32_t least) {
    const std::uint32_t wanted = std::min(static_cast<std::uint32_t>(asked), SocketOptions::max_buffer_bytes);
    return std::max(2 * wanted, least);
}

Result<void> set_value(const System& system, SocketOptions& options, int option, std::int32_t value) {
    constexpr std::uint32_t least_to_send = 4608, least_to_receive = 2304;  // SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF
    constexpr std::int32_t highest_priority = 6;                            // without CAP_NET_ADMIN
    if (is_flag(option)) {
        options.flags[option] = value != 0 ? 1 : 0;
        return {};
    }
    switch (option) {
        case SO_TYPE:
        case SO_DOMAIN:
        case SO_PROTOCOL:
        case SO_ERROR:
        case SO_SNDLOWAT:
        case SO_ACCEPTCONN:
        case SO_PEERCRED: return fail(Errno::enoprotoopt);
        case SO_REUSEPORT: return value != 0 ? fail(Errno::eopnotsupp) : Result<void>{};
        case SO_SNDBUF: options.send_buffer_bytes = buffer_bytes(value, least_to_send); return {};
        case SO_RCVBUF: options.receive_buffer_bytes = buffer_bytes(value, least_to_receive); return {};
        case SO_RCVLOWAT:
            options.receive_low_water = value < 0 ? std::numeric_limits<std::int32_t>::max() : std::max(value, 1);
            return {};
        case SO_PRIORITY:
            if ((value < 0 || value > highest_priority) && system.task.credentials.user.effective != 0)
                return fail(Errno::eperm);
            options.priority = value;
            return {};
        case SO_PASSCRED: options.passes_credentials = value != 0; return {};
        default: return fail(Errno::enoprotoopt);
    }
}

}  // namespace

Result<std::uint64_t> sys_getsockopt(System& system, const Arguments& a) {
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    if (int_argument(a[1]) != SOL_SOCKET) return fail(Errno::eopnotsupp);
    const auto room = system.user().read<std::int32_t>(VirtAddr(a[4]));
    if (!room) return fail(room.error());
    if (*room < 0) return fail(Errno::einval);
    const auto value = value_of(*(*description)->socket(), int_argument(a[2]));
    if (!value) return fail(value.error());
    const auto shown = std::span(*value).first(std::min(value->size(), static_cast<std::size_t>(*room)));
    if (!shown.empty()) {
        if (auto done = system.user().copy_to(VirtAddr(a[3]), shown); !done) return fail(done.error());
    }
    return answer(system.user().write(VirtAddr(a[4]), static_cast<std::int32_t>(shown.size())));
}

Result<std::uint64_t> sys_setsockopt(System& system, const Arguments& a) {
    const std::int32_t size_bytes = int_argument(a[4]);
    const auto description = find_socket(system, a[0]);
    if (!description) return fail(description.error());
    if (size_bytes < 0) return fail(Errno::einval);
    if (int_argument(a[1]) != SOL_SOCKET) return fail(Errno::eopnotsupp);
    if (size_bytes < static_cast<std::int32_t>(sizeof(std::int32_t))) return fail(Errno::einval);
    const auto value = system.user().read<std::int32_t>(VirtAddr(a[3]));
    if (!value) return fail(value.error());
    SocketOptions& options = (*description)->socket()->options();
    switch (const int option = int_argument(a[2])) {
        case SO_LINGER: return answer(set_linger(system, options, a[3], size_bytes));
        case SO_RCVTIMEO:
        case receive_timeout_new: return answer(set_timeout(system, options.receive_timeout_ns, a[3], size_bytes));
        case SO_SNDTIMEO:
        case send_timeout_new: return answer(set_timeout(system, options.send_timeout_ns, a[3], size_bytes));
        default: return answer(set_value(system, options, option, *value));
    }
}

}  // namespace fl::kernel
