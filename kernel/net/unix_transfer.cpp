// Messages between sockets (Linux: unix_stream_sendmsg, unix_dgram_sendmsg and their other halves).
#include "kernel/net/unix_socket.hpp"
#include "kernel/net/unix_sockets.hpp"
#include "kernel/system.hpp"

#include <poll.h>

#include <algorithm>
#include <bit>

namespace fl::kernel {

namespace {

constexpr short readable = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND;
constexpr std::uint64_t head_room = 3776;         // SKB_MAX_HEAD(0): a page without what describes the rest
constexpr std::uint64_t datagram_head = 16'064;   // SKB_MAX_ALLOC: the same of four pages
constexpr std::uint64_t fragment_bytes = 32'768;  // UNIX_SKB_FRAGS_SZ

// What a message costs its sender (skb->truesize): its description, its first part in memory of a power of two, the
// rest in pages.
std::uint64_t cost(std::uint64_t size_bytes, std::uint64_t largest_head) {
    constexpr std::uint64_t description = 256, shared_info = 320, cache_line = 64, smallest = 512;
    const std::uint64_t head = std::min(size_bytes, largest_head), rest = size_bytes - head;
    const std::uint64_t aligned = (head + cache_line - 1) / cache_line * cache_line;
    const std::uint64_t part = rest % page_size;
    return description + std::bit_ceil(aligned + shared_info) + rest / page_size * page_size +
           (part > 0 ? std::max(smallest, std::bit_ceil(part)) : 0);
}

std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + page_size - 1) / page_size * page_size; }

// Of a datagram what is more than the head takes whole pages.
std::uint64_t datagram_cost(std::uint64_t size_bytes) {
    if (size_bytes <= datagram_head) return cost(size_bytes, datagram_head);
    return cost(datagram_head, datagram_head) + whole_pages(size_bytes - datagram_head);
}

std::uint64_t stream_piece(std::uint64_t left, std::uint32_t send_buffer_bytes) {
    return std::min({left, std::uint64_t{send_buffer_bytes} / 2 - 64, head_room + fragment_bytes});
}

}  // namespace

Result<std::uint64_t> UnixSocket::send(System& system, SendRequest request) {
    if ((request.flags & MSG_OOB) != 0) return fail(Errno::eopnotsupp);
    if (!request.files.empty()) all_.collect_in_time();
    if (is_stream()) return send_stream(system, request);
    if (type_ == SOCK_SEQPACKET) {
        if (const auto error = take_error()) return fail(*error);
        if (state_ != State::connected) return fail(Errno::enotconn);
        request.to.reset();
    }
    return send_datagram(system, request);
}

// sock_alloc_send_pskb(): until the account is not used up. EPIPE, EAGAIN, EINTR.
Result<void> UnixSocket::wait_for_account(System& system, const Patience& patience) {
    for (;;) {
        if (const auto error = take_error()) return fail(*error);
        if (send_shut_) return fail(Errno::epipe);
        if (charged_ < options_.send_buffer_bytes) return {};
        if (auto waited = patience.wait(system, changed_); !waited) return waited;
    }
}

// The next bytes of the request as a message, with its files where they have not gone yet. ETOOMANYREFS, ENOBUFS,
// EFAULT.
Result<std::shared_ptr<UnixMessage>> UnixSocket::make_message(System& system, SendRequest& request,
                                                              std::uint64_t size_bytes, const UnixSocket* receiver) {
    if (!request.files.empty() && !all_.has_room(system.task)) return fail(Errno::etoomanyrefs);
    auto ram = system.memory.kernel_memory().charge(size_bytes);
    if (!ram) return fail(Errno::enobufs);
    auto head = mm::new_kernel_object(system.memory, mm::KernelObject::skbuff_head_cache);
    if (!head) return fail(Errno::enobufs);
    UnixMessage::Contents contents{
        .bytes = std::vector<std::byte>(size_bytes), .from = address_, .credentials = request.credentials};
    contents.ram = std::move(*ram);
    contents.head = std::move(*head);
    if (request.data.copy_from_guest(contents.bytes) != size_bytes) return fail(Errno::efault);
    contents.files = std::exchange(request.files, {});
    const bool wanted = options_.passes_credentials || (receiver != nullptr && receiver->options_.passes_credentials);
    if (!contents.credentials && wanted) {
        contents.credentials =
            UserCredentials{system.task.pid, system.task.credentials.user.real, system.task.credentials.group.real};
    }
    const std::uint64_t charge = is_stream() ? cost(size_bytes, head_room) : datagram_cost(size_bytes);
    return std::make_shared<UnixMessage>(all_, shared_from_this(), charge, system.task.credentials.user.real,
                                         std::move(contents));
}

void UnixSocket::deliver(std::shared_ptr<UnixMessage> message) {
    queue_.push_back(std::move(message));
    changed_.wake_all(readable);
}

// --- streams ---------------------------------------------------------------------------------------------------------

Result<std::uint64_t> UnixSocket::send_stream(System& system, SendRequest& request) {
    if (request.to) return fail(state_ == State::connected ? Errno::eisconn : Errno::eopnotsupp);
    const auto other = peer_;
    if (other == nullptr) return fail(Errno::enotconn);
    std::uint64_t sent = 0;
    const bool was_shut = send_shut_;
    const auto done = was_shut ? Result<std::uint64_t>(fail(Errno::epipe)) : send_pieces(system, request, other, sent);
    if (done || sent > 0) {
        // What has gone is an answer, and no call to make again.
        if (!done) system.task.restart_call.reset();
        return sent;
    }
    const bool other_is_gone = was_shut || other->is_dead_ || other->receive_shut_;
    if (done.error() == Errno::epipe && other_is_gone && (request.flags & MSG_NOSIGNAL) == 0) {
        signal_self(system.task, SIGPIPE);
    }
    return done;
}

Result<std::uint64_t> UnixSocket::send_pieces(System& system, SendRequest& request,
                                              const std::shared_ptr<UnixSocket>& other, std::uint64_t& sent) {
    const Patience patience(system, (request.flags & MSG_DONTWAIT) == 0, options_.send_timeout_ns);
    while (request.data.bytes_left() > 0) {
        const std::uint64_t size_bytes = stream_piece(request.data.bytes_left(), options_.send_buffer_bytes);
        if (auto room = wait_for_account(system, patience); !room) return fail(room.error());
        auto message = make_message(system, request, size_bytes, other.get());
        if (!message) return fail(message.error());
        if (other->is_dead_ || other->receive_shut_) return fail(Errno::epipe);
        other->deliver(std::move(*message));
        sent += size_bytes;
    }
    return sent;
}

// unix_stream_read_generic()
Result<UnixSocket::Received> UnixSocket::receive_stream(System& system, UserSegments& into, int flags) {
    if (state_ != State::connected) return fail(Errno::einval);
    const bool peeks = (flags & MSG_PEEK) != 0;
    const Patience patience(system, (flags & MSG_DONTWAIT) == 0, options_.receive_timeout_ns);
    const std::uint64_t asked = into.bytes_left();
    const auto low_water = static_cast<std::uint64_t>(std::max(options_.receive_low_water, 1));
    const std::uint64_t target =
        (flags & MSG_WAITALL) != 0 ? asked : std::max<std::uint64_t>(1, std::min(low_water, asked));
    Received received;
    bool is_first = true;
    std::size_t index = 0;
    const auto ended_by = [&](Errno error) -> Result<Received> {
        if (is_first && received.size_bytes == 0) return fail(error);
        system.task.restart_call.reset();
        return std::move(received);
    };
    do {
        while (index >= queue_.size()) {
            if (received.size_bytes >= target || (peeks && !is_first)) return received;
            if (const auto error = take_error()) return ended_by(*error);
            if (receive_shut_) return received;
            if (auto waited = patience.wait(system, changed_); !waited) return ended_by(waited.error());
        }
        // The copy may wait (userfaultfd), and others may take the message from the queue meanwhile.
        const auto held = queue_[index];
        UnixMessage& message = *held;
        // Never one read of two writers, where it matters who they are.
        if (!is_first && options_.passes_credentials && message.credentials() != received.credentials) break;
        if (is_first) received.from = message.from();
        if (is_first) received.credentials = message.credentials();
        is_first = false;
        const auto taken = take_from(into, message, flags, received);
        if (!taken) return ended_by(taken.error());
        if (peeks) {
            ++index;
        } else if (message.left().empty()) {
            drop_message(held);
        } else {
            break;
        }
        if (!received.files.empty()) break;
    } while (into.bytes_left() > 0);
    return received;
}

// EFAULT, where nothing counts as taken.
Result<std::uint64_t> UnixSocket::take_from(UserSegments& into, UnixMessage& message, int flags, Received& received) {
    const std::uint64_t count = std::min<std::uint64_t>(message.left().size(), into.bytes_left());
    if (into.copy_to_guest(message.left().first(count)) != count) return fail(Errno::efault);
    received.size_bytes += count;
    if ((flags & MSG_PEEK) != 0) {
        received.files = message.files();
    } else {
        message.take(count);
        if (!message.files().empty()) received.files = message.take_files();
    }
    return count;
}

void UnixSocket::drop_message(const std::shared_ptr<UnixMessage>& message) { std::erase(queue_, message); }

// --- datagrams -------------------------------------------------------------------------------------------------------

// ENOTCONN, and what find() says.
Result<std::shared_ptr<UnixSocket>> UnixSocket::receiver_of(System& system, const SendRequest& request) {
    if (request.to) return all_.find(system, *request.to, type_);
    return peer_ != nullptr ? Result<std::shared_ptr<UnixSocket>>(peer_) : fail(Errno::enotconn);
}

// Looks again after each wait, as another may be bound to the name by then. EPERM, ECONNREFUSED, EPIPE, EAGAIN, EINTR.
Result<void> UnixSocket::wait_until_takes(System& system, std::shared_ptr<UnixSocket>& other,
                                          const SendRequest& request, const Patience& patience) {
    for (;;) {
        if (!may_send_to(*other)) return fail(Errno::eperm);
        if (other->is_dead_) {
            if (type_ == SOCK_SEQPACKET) return fail(Errno::epipe);
            if (peer_ == other) {
                peer_.reset();
                state_ = State::closed;
                leave(*other);
                return fail(Errno::econnrefused);
            }
            if (!request.to) return fail(Errno::econnreset);
            auto found = receiver_of(system, request);
            if (!found) return fail(found.error());
            other = std::move(*found);
            continue;
        }
        if (other->receive_shut_) return fail(Errno::epipe);
        if (other.get() == this || other->peer_.get() == this || !other->seqpacket_full()) return {};
        other->tell_when_there_is_room(shared_from_this());
        if (auto waited = patience.wait(system, changed_); !waited) return waited;
    }
}

// unix_dgram_sendmsg()
Result<std::uint64_t> UnixSocket::send_datagram(System& system, SendRequest& request) {
    constexpr std::uint64_t overhead = 32;
    const std::uint64_t size_bytes = request.data.bytes_left();
    if (options_.passes_credentials) all_.bind_automatically(shared_from_this());
    if (size_bytes > options_.send_buffer_bytes - overhead) return fail(Errno::emsgsize);
    const Patience patience(system, (request.flags & MSG_DONTWAIT) == 0, options_.send_timeout_ns);
    if (auto room = wait_for_account(system, patience); !room) return fail(room.error());
    auto message = make_message(system, request, size_bytes, peer_.get());
    if (!message) return fail(message.error());
    auto other = receiver_of(system, request);
    if (!other) return fail(other.error());
    if (auto takes = wait_until_takes(system, *other, request, patience); !takes) return fail(takes.error());
    if ((*other)->options_.passes_credentials) (*message)->add_credentials(system.task);
    (*other)->deliver(std::move(*message));
    return size_bytes;
}

// unix_dgram_recvmsg()
Result<UnixSocket::Received> UnixSocket::receive_datagram(System& system, UserSegments& into, int flags) {
    const bool peeks = (flags & MSG_PEEK) != 0;
    const Patience patience(system, (flags & MSG_DONTWAIT) == 0, options_.receive_timeout_ns);
    for (;;) {
        // An error comes before what is there (__skb_try_recv_datagram).
        if (const auto error = take_error()) return fail(*error);
        if (!queue_.empty()) break;
        const bool at_end = receive_shut_ && (patience.waits() || type_ == SOCK_SEQPACKET);
        if (at_end) return Received{};
        if (auto waited = patience.wait(system, changed_); !waited) return fail(waited.error());
    }
    const auto held = queue_.front();
    UnixMessage& message = *held;
    if (!peeks) drop_message(held);
    Received received{.from = message.from(), .credentials = message.credentials()};
    const std::uint64_t whole = message.left().size();
    // As on Linux a message that cannot be copied is lost.
    const auto taken = take_from(into, message, flags, received);
    if (!peeks && !has_connections()) tell_of_room();
    if (!taken) return fail(taken.error());
    if (*taken < whole) received.flags |= MSG_TRUNC;
    if ((flags & MSG_TRUNC) != 0) received.size_bytes = whole;
    return received;
}

Result<UnixSocket::Received> UnixSocket::receive(System& system, UserSegments& into, int flags) {
    if ((flags & MSG_OOB) != 0) return fail(is_stream() ? Errno::einval : Errno::eopnotsupp);
    if (is_stream()) return receive_stream(system, into, flags);
    if (type_ == SOCK_SEQPACKET && state_ != State::connected) return fail(Errno::enotconn);
    return receive_datagram(system, into, flags);
}

}  // namespace fl::kernel
