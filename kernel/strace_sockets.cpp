#include "kernel/strace_sockets.hpp"

#include "kernel/net/unix_address.hpp"
#include "kernel/peek.hpp"
#include "kernel/strace_names.hpp"
#include "kernel/vfs/epoll.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

namespace fl::kernel {

namespace {

std::string address_text(std::uint64_t address) { return address == 0 ? "NULL" : fmt::format("{:#x}", address); }

bool read_quietly(const System& system, std::uint64_t address, std::span<std::byte> into) {
    return address != 0 && peek_memory(system.memory.ram(), *system.task.mm, VirtAddr(address), into) == into.size();
}

std::string socket_type_text(std::uint64_t value) {
    constexpr std::uint64_t kind_mask = 0xf;
    const std::string kind = value_text(socket_type_names, value & kind_mask);
    const std::string options = flags_text(socket_flag_names, static_cast<std::uint32_t>(value & ~kind_mask));
    return options == "0" ? kind : kind + "|" + options;
}

// strace writes the NUL of an abstract name as @.
std::string socket_address_text(const System& system, std::uint64_t address, std::uint64_t size_bytes) {
    constexpr std::size_t largest = UnixAddress::family_bytes + UnixAddress::max_path_bytes;
    std::vector<std::byte> bytes(std::min<std::uint64_t>(static_cast<std::uint32_t>(size_bytes), largest));
    if (!read_quietly(system, address, bytes)) return address_text(address);
    const auto name = UnixAddress::decoded(bytes);
    if (!name) return address_text(address);
    const bool is_abstract = name->is_abstract();
    const std::string shown = is_abstract ? name->name.substr(1) : name->name;
    return fmt::format("{{sa_family=AF_UNIX, sun_path={}{}}}", is_abstract ? "@" : "",
                       quoted(std::as_bytes(std::span(shown))));
}

std::string event_text(const EpollEvent& event) {
    const std::uint64_t data = std::uint64_t{event.data_high} << 32 | event.data_low;
    return fmt::format("{{events={}, data={{u32={}, u64={}}}}}", flags_text(epoll_event_names, event.events),
                       event.data_low, data);
}

std::string events_text(const System& system, std::uint64_t address, std::uint64_t count) {
    constexpr std::uint64_t most = 32;
    std::string text;
    for (std::uint64_t i = 0; i < std::min(count, most); ++i) {
        EpollEvent event{};
        const auto bytes = std::as_writable_bytes(std::span(&event, 1));
        if (!read_quietly(system, address + i * sizeof event, bytes)) return address_text(address);
        text += (i > 0 ? ", " : "") + event_text(event);
    }
    return "[" + text + (count > most ? ", ...]" : "]");
}

std::string wanted_event_text(const System& system, std::uint64_t address, std::uint64_t operation) {
    EpollEvent event{};
    const bool looked_at = int_argument(operation) != EPOLL_CTL_DEL;
    const bool known = looked_at && read_quietly(system, address, std::as_writable_bytes(std::span(&event, 1)));
    return known ? event_text(event) : address_text(address);
}

std::string pair_text(const System& system, std::uint64_t address) {
    std::array<std::int32_t, 2> pair{};
    if (!read_quietly(system, address, std::as_writable_bytes(std::span(pair)))) return address_text(address);
    return fmt::format("[{}, {}]", pair[0], pair[1]);
}

}  // namespace

std::optional<std::string> socket_argument_text(const System& system, const SyscallLine& line, std::size_t index,
                                                const Result<std::uint64_t>* result) {
    using Kind = ArgumentFormat::Kind;
    const std::uint64_t value = line.arguments[index];
    const bool worked = result != nullptr && result->has_value();
    switch (line.formats[index].kind) {
        case Kind::socket_type: return socket_type_text(value);
        case Kind::socket_address:
        case Kind::target_address: return socket_address_text(system, value, line.arguments[index + 1]);
        case Kind::descriptor_pair: return worked ? pair_text(system, value) : address_text(value);
        case Kind::epoll_event: return wanted_event_text(system, value, line.arguments[1]);
        case Kind::epoll_events: return worked ? events_text(system, value, **result) : address_text(value);
        default: return std::nullopt;
    }
}

}  // namespace fl::kernel
