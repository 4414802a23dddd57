#include "kernel/strace/polling.hpp"

#include "kernel/strace/named.hpp"
#include "kernel/strace/signals.hpp"
#include "kernel/strace/time.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>

namespace fl::kernel::strace {

namespace {

constexpr FlagName poll_events[] = {NAMED(POLLIN),        NAMED(POLLPRI),    NAMED(POLLOUT),     NAMED(POLLRDNORM),
                                    NAMED(POLLRDBAND),    NAMED(POLLWRNORM), NAMED(POLLWRBAND),  NAMED(POLLERR),
                                    NAMED(POLLHUP),       NAMED(POLLNVAL),   {0x400, "POLLMSG"}, {0x1000, "POLLREMOVE"},
                                    {0x2000, "POLLRDHUP"}};
constexpr FlagName epoll_events[] = {NAMED(EPOLLIN),
                                     NAMED(EPOLLPRI),
                                     NAMED(EPOLLOUT),
                                     NAMED(EPOLLRDNORM),
                                     NAMED(EPOLLRDBAND),
                                     NAMED(EPOLLWRNORM),
                                     NAMED(EPOLLWRBAND),
                                     NAMED(EPOLLMSG),
                                     NAMED(EPOLLERR),
                                     NAMED(EPOLLHUP),
                                     NAMED(EPOLLRDHUP),
                                     {1U << 28, "EPOLLEXCLUSIVE"},
                                     {1U << 29, "EPOLLWAKEUP"},
                                     {1U << 30, "EPOLLONESHOT"},
                                     {1U << 31, "EPOLLET"}};
constexpr FlagName epoll_commands[] = {NAMED(EPOLL_CTL_ADD), NAMED(EPOLL_CTL_DEL), NAMED(EPOLL_CTL_MOD)};
constexpr FlagName epoll_flags[] = {{O_CLOEXEC, "EPOLL_CLOEXEC"}};
constexpr Names poll_event_names{poll_events, "POLL???"};
constexpr std::uint64_t max_set_size = 1024;

std::string poll_entry_text(const pollfd& entry) {
    if (entry.fd < 0) return fmt::format("{{fd={}}}", entry.fd);
    return fmt::format("{{fd={}, events={}}}", entry.fd,
                       flags_text(poll_event_names, static_cast<std::uint16_t>(entry.events)));
}

// "[{fd=3, revents=POLLIN}]": those with an answer, as many as are shown.
std::string answers_text(const Call& call) {
    std::string text;
    std::size_t shown = 0;
    for (std::uint64_t i = 0; i < std::min(call.arguments[1], max_set_size); ++i) {
        const auto entry = call.peek<pollfd>(call.arguments[0] + i * sizeof(pollfd));
        if (!entry) break;
        if (entry->revents == 0) continue;
        if (shown++ == max_shown) return "[" + text + ", ...]";
        text += fmt::format("{}{{fd={}, revents={}}}", text.empty() ? "" : ", ", entry->fd,
                            flags_text(poll_event_names, static_cast<std::uint16_t>(entry->revents)));
    }
    return "[" + text + "]";
}

// "[3 5]", or nothing where it cannot be read.
std::optional<std::string> set_text(const Call& call, std::uint64_t address) {
    const auto size = std::clamp<std::int64_t>(int_argument(call.arguments[0]), 0, max_set_size);
    const auto count = static_cast<std::uint64_t>(size);
    constexpr std::uint64_t word_bits = 64;
    std::string text;
    for (std::uint64_t word = 0; word * word_bits < count; ++word) {
        const auto bits = call.peek<std::uint64_t>(address + word * sizeof(std::uint64_t));
        if (!bits) return std::nullopt;
        for (std::uint64_t bit = 0; bit < word_bits && word * word_bits + bit < count; ++bit) {
            if ((*bits >> bit & 1) != 0) text += (text.empty() ? "" : " ") + std::to_string(word * word_bits + bit);
        }
    }
    return "[" + text + "]";
}

std::string select_text(const Call& call, std::string (*time_text)(const Call&, std::uint64_t)) {
    if (call.value() == 0) return "0 (Timeout)";
    std::string parts;
    const std::array names = {"in", "out", "except"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto set = set_text(call, call.arguments.at(i + 1));
        if (call.arguments.at(i + 1) == 0 || !set || *set == "[]") continue;
        parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", names.at(i), *set);
    }
    if (call.arguments[4] != 0) {
        parts += fmt::format("{}left {}", parts.empty() ? "" : ", ", time_text(call, call.arguments[4]));
    }
    return parts.empty() ? std::to_string(call.value()) : fmt::format("{} ({})", call.value(), parts);
}

struct [[gnu::packed]] Event {
    std::uint32_t events;
    std::uint64_t data;
};

std::string event_text(const Event& event) {
    const std::uint64_t data = event.data;
    return fmt::format("{{events={}, data={{u32={}, u64={}}}}}",
                       flags_text({epoll_events, "EPOLL???"}, static_cast<std::uint32_t>(event.events)),
                       static_cast<std::uint32_t>(data), data);
}

}  // namespace

const Names epoll_command_names{epoll_commands, "EPOLL_CTL_???"};
const Names epoll_flag_names{epoll_flags, "EPOLL_???"};

std::string print_poll_set(const Argument& a) {
    return array_text<pollfd>(a.call, a.value(), static_cast<std::uint32_t>(a.neighbour(1)), poll_entry_text);
}

std::string poll_result(const Call& call) {
    if (call.value() == 0) return "0 (Timeout)";
    return fmt::format("{} ({})", call.value(), answers_text(call));
}

std::string ppoll_result(const Call& call) {
    if (call.value() == 0) return "0 (Timeout)";
    const std::string left = call.arguments[2] != 0 ? ", left " + timespec_text(call, call.arguments[2]) : "";
    return fmt::format("{} ({}{})", call.value(), answers_text(call), left);
}

std::string print_descriptor_set(const Argument& a) {
    if (a.value() == 0) return "NULL";
    return set_text(a.call, a.value()).value_or(address_text(a.value()));
}

std::string select_result(const Call& call) { return select_text(call, timeval_text); }
std::string pselect_result(const Call& call) { return select_text(call, timespec_text); }

std::string print_pselect_mask(const Argument& a) {
    return pointed_to<std::array<std::uint64_t, 2>>(a.call, a.value(), [&a](const auto& words) {
        const auto mask = a.call.peek<std::uint64_t>(words[0]);
        return fmt::format("{{sigmask={}, sigsetsize={}}}", mask ? signal_set_text(*mask) : address_text(words[0]),
                           words[1]);
    });
}

std::string print_epoll_event(const Argument& a) {
    if (int_argument(a.call.arguments[1]) == EPOLL_CTL_DEL) return address_text(a.value());
    return pointed_to<Event>(a.call, a.value(), event_text);
}

std::string print_epoll_events(const Argument& a) {
    return array_text<Event>(a.call, a.value(), a.call.value(), event_text);
}

}  // namespace fl::kernel::strace
