// The names that calls on sockets, pipes and epoll take; see strace_names.hpp.
#include "kernel/strace_names.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace fl::kernel {

namespace {

#define NAMED(value) \
    FlagName { static_cast<std::uint32_t>(value), #value }

constexpr FlagName socket_families[] = {NAMED(AF_UNSPEC), NAMED(AF_UNIX),    NAMED(AF_INET),
                                        NAMED(AF_INET6),  NAMED(AF_NETLINK), NAMED(AF_PACKET)};
constexpr FlagName socket_types[] = {NAMED(SOCK_STREAM), NAMED(SOCK_DGRAM), NAMED(SOCK_RAW), NAMED(SOCK_SEQPACKET)};
constexpr FlagName socket_flags[] = {NAMED(SOCK_CLOEXEC), NAMED(SOCK_NONBLOCK)};
constexpr FlagName socket_levels[] = {NAMED(SOL_SOCKET)};
constexpr FlagName socket_options[] = {NAMED(SO_DEBUG),
                                       NAMED(SO_REUSEADDR),
                                       NAMED(SO_TYPE),
                                       NAMED(SO_ERROR),
                                       NAMED(SO_DONTROUTE),
                                       NAMED(SO_BROADCAST),
                                       NAMED(SO_SNDBUF),
                                       NAMED(SO_RCVBUF),
                                       NAMED(SO_KEEPALIVE),
                                       NAMED(SO_OOBINLINE),
                                       NAMED(SO_PRIORITY),
                                       NAMED(SO_LINGER),
                                       NAMED(SO_REUSEPORT),
                                       NAMED(SO_PASSCRED),
                                       NAMED(SO_PEERCRED),
                                       NAMED(SO_RCVLOWAT),
                                       NAMED(SO_SNDLOWAT),
                                       NAMED(SO_ACCEPTCONN),
                                       NAMED(SO_PROTOCOL),
                                       NAMED(SO_DOMAIN),
                                       NAMED(SO_PEERSEC),
                                       NAMED(SO_TIMESTAMP),
                                       NAMED(SO_PEEK_OFF),
                                       {SO_RCVTIMEO, "SO_RCVTIMEO_OLD"},
                                       {SO_SNDTIMEO, "SO_SNDTIMEO_OLD"}};
constexpr FlagName message_flags[] = {NAMED(MSG_OOB),        NAMED(MSG_PEEK),        NAMED(MSG_DONTROUTE),
                                      NAMED(MSG_CTRUNC),     NAMED(MSG_TRUNC),       NAMED(MSG_DONTWAIT),
                                      NAMED(MSG_EOR),        NAMED(MSG_WAITALL),     NAMED(MSG_NOSIGNAL),
                                      NAMED(MSG_WAITFORONE), NAMED(MSG_CMSG_CLOEXEC)};
constexpr FlagName shutdowns[] = {NAMED(SHUT_RD), NAMED(SHUT_WR), NAMED(SHUT_RDWR)};
constexpr FlagName splice_flags[] = {NAMED(SPLICE_F_MOVE), NAMED(SPLICE_F_NONBLOCK), NAMED(SPLICE_F_MORE),
                                     NAMED(SPLICE_F_GIFT)};
constexpr FlagName epoll_operations[] = {NAMED(EPOLL_CTL_ADD), NAMED(EPOLL_CTL_DEL), NAMED(EPOLL_CTL_MOD)};
constexpr FlagName epoll_flags[] = {NAMED(EPOLL_CLOEXEC)};
constexpr FlagName epoll_event_flags[] = {
    NAMED(EPOLLIN),     NAMED(EPOLLPRI),       NAMED(EPOLLOUT),    NAMED(EPOLLERR),     NAMED(EPOLLHUP),
    NAMED(EPOLLRDNORM), NAMED(EPOLLRDBAND),    NAMED(EPOLLWRNORM), NAMED(EPOLLWRBAND),  NAMED(EPOLLMSG),
    NAMED(EPOLLRDHUP),  NAMED(EPOLLEXCLUSIVE), NAMED(EPOLLWAKEUP), NAMED(EPOLLONESHOT), NAMED(EPOLLET)};

#undef NAMED

}  // namespace

const FlagNames socket_family_names = socket_families;
const FlagNames socket_type_names = socket_types;
const FlagNames socket_flag_names = socket_flags;
const FlagNames socket_level_names = socket_levels;
const FlagNames socket_option_names = socket_options;
const FlagNames message_flag_names = message_flags;
const FlagNames shutdown_names = shutdowns;
const FlagNames splice_flag_names = splice_flags;
const FlagNames epoll_operation_names = epoll_operations;
const FlagNames epoll_flag_names = epoll_flags;
const FlagNames epoll_event_names = epoll_event_flags;

}  // namespace fl::kernel
