// struct sockaddr, msghdr and what they hold; see sockets.hpp.
#include "kernel/strace/memory.hpp"
#include "kernel/strace/named.hpp"
#include "kernel/strace/sockets.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

namespace fl::kernel::strace {

namespace {

constexpr FlagName control_types[] = {{1, "SCM_RIGHTS"}, {2, "SCM_CREDENTIALS"}, {3, "SCM_SECURITY"}, {4, "SCM_PIDFD"}};
constexpr std::size_t max_address_bytes = 128;  // sockaddr_storage

// struct cmsghdr without the array at its end.
struct ControlHeader {
    std::uint64_t length;
    std::int32_t level, type;
};

using AddressBytes = std::array<std::byte, max_address_bytes>;

template <class T>
T from_bytes(const AddressBytes& bytes) {
    static_assert(sizeof(T) <= max_address_bytes);
    T value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::string unix_text(std::span<const std::byte> path) {
    if (path.empty()) return "{sa_family=AF_UNIX}";
    // A name that starts with NUL is in the abstract namespace, and as long as the address says.
    if (path[0] == std::byte{0}) {
        return fmt::format("{{sa_family=AF_UNIX, sun_path=@\"{}\"}}", escaped(path.subspan(1)));
    }
    const auto end = std::find(path.begin(), path.end(), std::byte{0});
    return fmt::format("{{sa_family=AF_UNIX, sun_path=\"{}\"}}",
                       escaped(path.first(static_cast<std::size_t>(end - path.begin()))));
}

std::string internet_text(const AddressBytes& bytes, int family) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family == AF_INET) {
        const auto in = from_bytes<sockaddr_in>(bytes);
        ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
        return fmt::format("{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr(\"{}\")}}", ntohs(in.sin_port),
                           text.data());
    }
    const auto in = from_bytes<sockaddr_in6>(bytes);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
    return fmt::format(
        "{{sa_family=AF_INET6, sin6_port=htons({}), sin6_flowinfo=htonl({}), inet_pton(AF_INET6, \"{}\", "
        "&sin6_addr), sin6_scope_id={}}}",
        ntohs(in.sin6_port), ntohl(in.sin6_flowinfo), text.data(), in.sin6_scope_id);
}

std::string netlink_text(const AddressBytes& bytes) {
    struct Netlink {
        std::uint16_t family, padding;
        std::uint32_t pid, groups;
    };
    const auto netlink = from_bytes<Netlink>(bytes);
    return fmt::format("{{sa_family=AF_NETLINK, nl_pid={}, nl_groups={}}}", netlink.pid,
                       netlink.groups == 0 ? "00000000" : fmt::format("{:#08x}", netlink.groups));
}

std::string control_data_text(const Call& call, const ControlHeader& header, std::uint64_t address,
                              std::uint64_t size_bytes) {
    if (header.level == SOL_SOCKET && header.type == SCM_RIGHTS) {
        return array_text<std::int32_t>(call, address, size_bytes / sizeof(std::int32_t),
                                        [](std::int32_t fd) { return std::to_string(fd); });
    }
    if (header.level == SOL_SOCKET && header.type == SCM_CREDENTIALS && size_bytes >= sizeof(ucred)) {
        return pointed_to<ucred>(call, address, [](const ucred& id) {
            return fmt::format("{{pid={}, uid={}, gid={}}}", id.pid, owner_text(id.uid), owner_text(id.gid));
        });
    }
    return buffer_text(call, address, size_bytes);
}

std::string control_text(const Call& call, std::uint64_t address, std::uint64_t size_bytes) {
    if (address == 0) return "NULL";
    std::string text;
    std::size_t shown = 0;
    for (std::uint64_t at = 0; size_bytes - at >= sizeof(ControlHeader);) {
        const auto header = call.peek<ControlHeader>(address + at);
        if (!header) return text.empty() ? address_text(address) : "[" + text + ", ...]";
        if (shown++ == max_shown) return "[" + text + ", ...]";
        const bool own = header->level == SOL_SOCKET;
        text += fmt::format("{}{{cmsg_len={}, cmsg_level={}, cmsg_type={}", text.empty() ? "" : ", ", header->length,
                            value_text(socket_level_names, static_cast<std::uint32_t>(header->level)),
                            own ? value_text({control_types, "SCM_???"}, static_cast<std::uint32_t>(header->type))
                                : fmt::format("{:#x}", static_cast<std::uint32_t>(header->type)));
        const std::uint64_t room = size_bytes - at;
        const std::uint64_t length = std::min<std::uint64_t>(header->length, room);
        if (length > sizeof(ControlHeader) && header->length <= room) {
            text += ", cmsg_data=" + control_data_text(call, *header, address + at + sizeof(ControlHeader),
                                                       length - sizeof(ControlHeader));
        }
        text += "}";
        if (header->length < sizeof(ControlHeader)) {
            return fmt::format("[{}, ... /* {:#x} */]", text, address + at + sizeof(ControlHeader));
        }
        const std::uint64_t step = CMSG_ALIGN(length);
        if (step >= room) break;
        at += step;
    }
    return "[" + text + "]";
}

struct HeaderView {
    std::optional<std::uint64_t> filled;  // how many of the segments' bytes to show; nullopt: where they are
    std::optional<std::uint32_t> name_length_before;
};

std::string header_text(const Call& call, const msghdr& header, const HeaderView& view) {
    const auto name = reinterpret_cast<std::uint64_t>(header.msg_name);
    const std::uint64_t name_room = std::min(view.name_length_before.value_or(header.msg_namelen), header.msg_namelen);
    std::string text = fmt::format("{{msg_name={}, msg_namelen=", socket_address_text(call, name, name_room));
    if (view.name_length_before && *view.name_length_before != header.msg_namelen) {
        text += fmt::format("{} => ", *view.name_length_before);
    }
    text += fmt::format(
        "{}, msg_iov={}, msg_iovlen={}", header.msg_namelen,
        segments_text(call, reinterpret_cast<std::uint64_t>(header.msg_iov), header.msg_iovlen, view.filled),
        header.msg_iovlen);
    if (header.msg_controllen != 0) {
        text += ", msg_control=" +
                control_text(call, reinterpret_cast<std::uint64_t>(header.msg_control), header.msg_controllen);
    }
    return fmt::format("{}, msg_controllen={}, msg_flags={}}}", text, header.msg_controllen,
                       flags_text(message_flag_names, static_cast<std::uint32_t>(header.msg_flags)));
}

struct CountedHeader {
    msghdr header;
    std::uint32_t length;
};

}  // namespace

std::string socket_address_text(const Call& call, std::uint64_t address, std::uint64_t size_bytes) {
    if (address == 0) return "NULL";
    AddressBytes bytes{};
    const std::size_t size = std::min<std::uint64_t>(size_bytes, bytes.size());
    if (size < sizeof(sa_family_t) || call.read(address, std::span(bytes).first(size)) != size) {
        return address_text(address);
    }
    const auto family = from_bytes<sa_family_t>(bytes);
    const auto data = std::span<const std::byte>(bytes).first(size).subspan(sizeof(sa_family_t));
    constexpr std::size_t netlink_bytes = 12, inet6_bytes = 28;
    if (family == AF_UNIX)
        return unix_text(data.first(std::min<std::size_t>(data.size(), sizeof(sockaddr_un::sun_path))));
    if (family == AF_INET && size >= sizeof(sockaddr_in)) return internet_text(bytes, AF_INET);
    if (family == AF_INET6 && size >= inet6_bytes) return internet_text(bytes, AF_INET6);
    if (family == AF_NETLINK && size >= netlink_bytes) return netlink_text(bytes);
    const std::string name = value_text(socket_family_names, family);
    return data.empty() ? fmt::format("{{sa_family={}}}", name)
                        : fmt::format("{{sa_family={}, sa_data=\"{}\"}}", name, escaped(data));
}

std::string print_message_header(const Argument& a) {
    return pointed_to<msghdr>(a.call, a.value(), [&a](const msghdr& header) {
        return header_text(a.call, header, {.filled = ~std::uint64_t{0}, .name_length_before = {}});
    });
}

std::uint64_t remember_name_length(const Argument& a) {
    const auto header = a.call.peek<msghdr>(a.value());
    return header ? header->msg_namelen : 0;
}

std::string print_filled_message_header(const Argument& a) {
    return pointed_to<msghdr>(a.call, a.value(), [&a](const msghdr& header) {
        if (!a.call.succeeded()) return fmt::format("{{msg_namelen={}}}", header.msg_namelen);
        return header_text(
            a.call, header,
            {.filled = a.call.value(), .name_length_before = static_cast<std::uint32_t>(a.call.remembered)});
    });
}

std::string print_message_headers(const Argument& a) {
    const std::uint64_t sent = a.call.value();
    std::uint64_t index = 0;
    return array_text<CountedHeader>(
        a.call, a.value(), static_cast<std::uint32_t>(a.neighbour(1)), [&](const CountedHeader& message) {
            std::string text = "{msg_hdr=" + header_text(a.call, message.header,
                                                         {.filled = ~std::uint64_t{0}, .name_length_before = {}});
            if (index++ < sent) text += fmt::format(", msg_len={}", message.length);
            return text + "}";
        });
}

std::string print_filled_message_headers(const Argument& a) {
    return array_text<CountedHeader>(a.call, a.value(), a.call.value(), [&a](const CountedHeader& message) {
        return fmt::format("{{msg_hdr={}, msg_len={}}}",
                           header_text(a.call, message.header, {.filled = message.length, .name_length_before = {}}),
                           message.length);
    });
}

}  // namespace fl::kernel::strace
