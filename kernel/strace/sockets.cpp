#include "kernel/strace/sockets.hpp"

#include "kernel/strace/named.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

namespace fl::kernel::strace {

namespace {

constexpr FlagName families[] = {NAMED(AF_UNSPEC), {1, "AF_UNIX"},  NAMED(AF_INET),      NAMED(AF_AX25),
                                 NAMED(AF_IPX),    NAMED(AF_INET6), {16, "AF_NETLINK"},  NAMED(AF_PACKET),
                                 NAMED(AF_KEY),    NAMED(AF_ALG),   NAMED(AF_BLUETOOTH), NAMED(AF_CAN),
                                 NAMED(AF_TIPC),   NAMED(AF_VSOCK), NAMED(AF_XDP)};
constexpr FlagName types[] = {NAMED(SOCK_STREAM),    NAMED(SOCK_DGRAM), NAMED(SOCK_RAW),   NAMED(SOCK_RDM),
                              NAMED(SOCK_SEQPACKET), NAMED(SOCK_DCCP),  NAMED(SOCK_PACKET)};
constexpr FlagName type_flags[] = {NAMED(SOCK_CLOEXEC), NAMED(SOCK_NONBLOCK)};
constexpr FlagName ip_protocols[] = {NAMED(IPPROTO_IP),      NAMED(IPPROTO_ICMP), NAMED(IPPROTO_IGMP),
                                     NAMED(IPPROTO_TCP),     NAMED(IPPROTO_UDP),  NAMED(IPPROTO_IPV6),
                                     {58, "IPPROTO_ICMPV6"}, NAMED(IPPROTO_SCTP), NAMED(IPPROTO_RAW)};
constexpr FlagName netlink_protocols[] = {NAMED(NETLINK_ROUTE), NAMED(NETLINK_USERSOCK),       NAMED(NETLINK_SOCK_DIAG),
                                          NAMED(NETLINK_AUDIT), NAMED(NETLINK_KOBJECT_UEVENT), NAMED(NETLINK_GENERIC)};
constexpr FlagName levels[] = {{0, "SOL_IP"},    {1, "SOL_SOCKET"}, {6, "SOL_TCP"},      {17, "SOL_UDP"},
                               {41, "SOL_IPV6"}, {255, "SOL_RAW"},  {263, "SOL_PACKET"}, {270, "SOL_NETLINK"}};
constexpr FlagName shutdowns[] = {{0, "SHUT_RD"}, {1, "SHUT_WR"}, {2, "SHUT_RDWR"}};
constexpr FlagName message_flags[] = {
    NAMED(MSG_OOB),   NAMED(MSG_PEEK),       NAMED(MSG_DONTROUTE), NAMED(MSG_CTRUNC),      NAMED(MSG_PROXY),
    NAMED(MSG_TRUNC), NAMED(MSG_DONTWAIT),   NAMED(MSG_EOR),       NAMED(MSG_WAITALL),     NAMED(MSG_FIN),
    NAMED(MSG_SYN),   NAMED(MSG_CONFIRM),    NAMED(MSG_RST),       NAMED(MSG_ERRQUEUE),    NAMED(MSG_NOSIGNAL),
    NAMED(MSG_MORE),  NAMED(MSG_WAITFORONE), NAMED(MSG_FASTOPEN),  NAMED(MSG_CMSG_CLOEXEC)};
constexpr FlagName socket_options[] = {
    NAMED(SO_DEBUG),         NAMED(SO_REUSEADDR),    NAMED(SO_TYPE),          NAMED(SO_ERROR),
    NAMED(SO_DONTROUTE),     NAMED(SO_BROADCAST),    NAMED(SO_SNDBUF),        NAMED(SO_RCVBUF),
    NAMED(SO_KEEPALIVE),     NAMED(SO_OOBINLINE),    NAMED(SO_NO_CHECK),      NAMED(SO_PRIORITY),
    NAMED(SO_LINGER),        NAMED(SO_BSDCOMPAT),    NAMED(SO_REUSEPORT),     NAMED(SO_PASSCRED),
    NAMED(SO_PEERCRED),      NAMED(SO_RCVLOWAT),     NAMED(SO_SNDLOWAT),      {20, "SO_RCVTIMEO_OLD"},
    {21, "SO_SNDTIMEO_OLD"}, NAMED(SO_BINDTODEVICE), NAMED(SO_PEERNAME),      {29, "SO_TIMESTAMP_OLD"},
    NAMED(SO_ACCEPTCONN),    NAMED(SO_PEERSEC),      NAMED(SO_SNDBUFFORCE),   NAMED(SO_RCVBUFFORCE),
    NAMED(SO_PASSSEC),       NAMED(SO_MARK),         NAMED(SO_PROTOCOL),      NAMED(SO_DOMAIN),
    NAMED(SO_PEEK_OFF),      {59, "SO_PEERGROUPS"},  {66, "SO_RCVTIMEO_NEW"}, {67, "SO_SNDTIMEO_NEW"},
    {77, "SO_PEERPIDFD"}};
constexpr FlagName ip_options[] = {{1, "IP_TOS"}, {2, "IP_TTL"}, {10, "IP_MTU_DISCOVER"}, {11, "IP_RECVERR"}};
constexpr FlagName tcp_options[] = {{1, "TCP_NODELAY"},  {2, "TCP_MAXSEG"},    {3, "TCP_CORK"},
                                    {4, "TCP_KEEPIDLE"}, {5, "TCP_KEEPINTVL"}, {6, "TCP_KEEPCNT"}};

std::string option_bytes_text(const Call& call, std::uint64_t address, std::uint64_t size_bytes) {
    const std::uint64_t level = call.arguments[1] & 0xffff'ffff, option = call.arguments[2] & 0xffff'ffff;
    if (level == SOL_SOCKET && option == SO_LINGER && size_bytes >= sizeof(linger)) {
        return pointed_to<linger>(call, address, [](const linger& value) {
            return fmt::format("{{l_onoff={}, l_linger={}}}", value.l_onoff, value.l_linger);
        });
    }
    if (level == SOL_SOCKET && option == SO_PEERCRED && size_bytes >= sizeof(ucred)) {
        return pointed_to<ucred>(call, address, [](const ucred& value) {
            return fmt::format("{{pid={}, uid={}, gid={}}}", value.pid, owner_text(value.uid), owner_text(value.gid));
        });
    }
    const bool known = level == SOL_SOCKET || level == IPPROTO_IP || level == IPPROTO_TCP;
    if (known && size_bytes == sizeof(std::int32_t)) return int_pointer_text(call, address);
    return buffer_text(call, address, size_bytes);
}

}  // namespace

const Names socket_family_names{families, "AF_???"};
const Names socket_level_names{levels, "SOL_??"};
const Names accept_flag_names{type_flags, "SOCK_???"};
const Names shutdown_names{shutdowns, "SHUT_???"};
const Names message_flag_names{message_flags, "MSG_???"};

std::string print_socket_type(const Argument& a) {
    constexpr std::uint32_t type_mask = 0xf;
    const std::string type = value_text({types, "SOCK_???"}, a.unsigned_value() & type_mask);
    const std::uint32_t flags = a.unsigned_value() & ~type_mask;
    return flags == 0 ? type : type + "|" + flags_text({type_flags, nullptr}, flags);
}

std::string print_socket_protocol(const Argument& a) {
    switch (int_argument(a.neighbour(-2))) {
        case AF_INET:
        case AF_INET6: return value_text({ip_protocols, "IPPROTO_???"}, a.unsigned_value());
        case AF_NETLINK: return value_text({netlink_protocols, "NETLINK_???"}, a.unsigned_value());
        default: return std::to_string(a.unsigned_value());
    }
}

std::string print_socket_address(const Argument& a) {
    return socket_address_text(a.call, a.value(), static_cast<std::uint32_t>(a.neighbour(1)));
}

std::uint64_t remember_socket_length(const Argument& a) { return a.call.peek<std::uint32_t>(a.value()).value_or(0); }

std::string print_filled_socket_address(const Argument& a) {
    const auto length = a.call.peek<std::uint32_t>(a.neighbour(1));
    if (!length) return address_text(a.value());
    return socket_address_text(a.call, a.value(), std::min<std::uint64_t>(*length, a.call.remembered));
}

std::string print_socket_length(const Argument& a) {
    const auto length = a.call.peek<std::int32_t>(a.value());
    if (!length || a.neighbour(-1) == 0) return address_text(a.value());
    const auto before = static_cast<std::int32_t>(a.call.remembered);
    return *length == before || !a.call.succeeded() ? fmt::format("[{}]", before)
                                                    : fmt::format("[{} => {}]", before, *length);
}

std::string print_option_name(const Argument& a) {
    switch (int_argument(a.neighbour(-1))) {
        case SOL_SOCKET: return value_text({socket_options, "SO_???"}, a.unsigned_value());
        case IPPROTO_IP: return value_text({ip_options, "IP_???"}, a.unsigned_value());
        case IPPROTO_TCP: return value_text({tcp_options, "TCP_???"}, a.unsigned_value());
        default: return std::to_string(a.unsigned_value());
    }
}

std::string print_option(const Argument& a) {
    const auto size_bytes = static_cast<std::int64_t>(int_argument(a.neighbour(1)));
    const bool short_int = size_bytes < 4 && int_argument(a.call.arguments[1]) == SOL_SOCKET;
    if (size_bytes < 0 || short_int) return address_text(a.value());
    return option_bytes_text(a.call, a.value(), static_cast<std::uint64_t>(size_bytes));
}

std::string print_filled_option(const Argument& a) {
    const auto length = a.call.peek<std::uint32_t>(a.neighbour(1));
    return length ? option_bytes_text(a.call, a.value(), *length) : address_text(a.value());
}

}  // namespace fl::kernel::strace
