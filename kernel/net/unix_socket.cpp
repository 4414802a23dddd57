#include "kernel/net/unix_socket.hpp"

#include "kernel/net/unix_sockets.hpp"
#include "kernel/system.hpp"
#include "kernel/user_time.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace fl::kernel {

namespace {

constexpr short writable = POLLOUT | POLLWRNORM | POLLWRBAND;
constexpr short readable = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND;

UserCredentials credentials_of(const Task& task) {
    return {task.pid, task.credentials.user.effective, task.credentials.group.effective};
}

}  // namespace

Patience::Patience(const System& system, bool waits, std::optional<std::uint64_t> timeout_ns) : waits_(waits) {
    if (waits && timeout_ns) deadline_ns_ = add_times(system.clock.monotonic_ns(), *timeout_ns);
}

Result<void> Patience::wait(System& system, WaitQueue& queue) const {
    if (!waits_) return fail(Errno::eagain);
    if (deadline_ns_ && system.clock.monotonic_ns() >= *deadline_ns_) return fail(Errno::eagain);
    if (system.scheduler.wait(system.task, queue, deadline_ns_) != WakeReason::signal) return {};
    return fail(deadline_ns_ ? Errno::eintr : interrupted(system.task));
}

UnixSocket::UnixSocket(UnixSockets& all, int type) : all_(all), type_(type), serial_(all.next_serial()) {}

void UnixSocket::set_address(UnixAddress address, const std::shared_ptr<Inode>& inode) {
    address_ = std::move(address);
    inode_ = inode;
}

std::optional<Errno> UnixSocket::take_error() { return std::exchange(error_, std::nullopt); }

Result<std::uint64_t> UnixSocket::unread_bytes() const {
    if (state_ == State::listening) return fail(Errno::einval);
    std::uint64_t sum = 0;
    for (const auto& message : queue_) {
        sum += message->left().size();
        if (!has_connections()) break;
    }
    return sum;
}

// unix_poll(), unix_dgram_poll()
short UnixSocket::ready_events() {
    int events = 0;
    if (error_) events |= POLLERR;
    if (receive_shut_ && send_shut_) events |= POLLHUP;
    if (receive_shut_) events |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (!queue_.empty() || !backlog_.empty()) events |= POLLIN | POLLRDNORM;
    if (has_connections() && state_ == State::closed) events |= POLLHUP;
    bool has_room = is_writable();
    if (has_room && !is_stream() && peer_ != nullptr && peer_->peer_.get() != this && peer_->seqpacket_full()) {
        peer_->tell_when_there_is_room(shared_from_this());
        has_room = false;
    }
    if (has_room) events |= writable;
    return static_cast<short>(events);
}

// unix_write_space()
void UnixSocket::discharge(std::uint64_t bytes) {
    charged_ -= bytes;
    if (is_writable()) changed_.wake_all(writable);
}

void UnixSocket::tell_when_there_is_room(const std::shared_ptr<UnixSocket>& sender) {
    std::erase_if(wants_room_, [](const auto& waiting) { return waiting.expired(); });
    const bool known = std::any_of(wants_room_.begin(), wants_room_.end(),
                                   [&sender](const auto& waiting) { return waiting.lock() == sender; });
    if (!known) wants_room_.push_back(sender);
}

void UnixSocket::tell_of_room() {
    for (const auto& waiting : std::exchange(wants_room_, {})) {
        if (const auto sender = waiting.lock()) sender->changed_.wake_all(writable);
    }
}

// --- connections -----------------------------------------------------------------------------------------------------

void UnixSocket::pair_with(UnixSocket& other, const UserCredentials& credentials) {
    peer_ = other.shared_from_this();
    other.peer_ = shared_from_this();
    peer_credentials_ = other.peer_credentials_ = credentials;
    state_ = other.state_ = State::connected;
}

Result<void> UnixSocket::listen(int backlog, const UserCredentials& credentials) {
    constexpr std::uint32_t longest = 4096;  // net.core.somaxconn
    if (!has_connections()) return fail(Errno::eopnotsupp);
    if (address_.is_unnamed() || state_ == State::connected) return fail(Errno::einval);
    const std::uint32_t wanted = std::min(static_cast<std::uint32_t>(backlog), longest);
    if (wanted > std::exchange(max_queue_, wanted)) tell_of_room();
    state_ = State::listening;
    peer_credentials_ = credentials;
    return {};
}

bool UnixSocket::may_send_to(const UnixSocket& other) const {
    return other.peer_ == nullptr || other.peer_.get() == this;
}

Result<void> UnixSocket::connect(System& system, const UnixAddress& address, const Patience& patience) {
    if (options_.passes_credentials) all_.bind_automatically(shared_from_this());
    return has_connections() ? connect_stream(system, address, patience) : connect_datagram(system, address);
}

// unix_stream_connect()
Result<void> UnixSocket::connect_stream(System& system, const UnixAddress& address, const Patience& patience) {
    std::shared_ptr<UnixSocket> other;
    for (;;) {
        auto found = all_.find(system, address, type_);
        if (!found) return fail(found.error());
        other = std::move(*found);
        if (other->state_ != State::listening || other->receive_shut_) return fail(Errno::econnrefused);
        if (!other->is_full()) break;
        other->tell_when_there_is_room(shared_from_this());
        if (auto waited = patience.wait(system, changed_); !waited) return waited;
    }
    if (state_ != State::closed) return fail(state_ == State::connected ? Errno::eisconn : Errno::einval);
    auto accepted = std::make_shared<UnixSocket>(all_, type_);
    const UserCredentials listener_credentials = other->peer_credentials_;
    pair_with(*accepted, credentials_of(system.task));
    peer_credentials_ = listener_credentials;
    accepted->address_ = other->address_;
    accepted->options_.passes_credentials = other->options_.passes_credentials;
    changed_.wake_all();
    other->backlog_.push_back(std::move(accepted));
    other->changed_.wake_all(readable);
    return {};
}

// unix_dgram_connect()
Result<void> UnixSocket::connect_datagram(System& system, const UnixAddress& address) {
    const auto other = all_.find(system, address, type_);
    if (!other) return fail(other.error());
    if (!may_send_to(**other)) return fail(Errno::eperm);
    state_ = (*other)->state_ = State::connected;
    const auto old = std::exchange(peer_, *other);
    if (old != nullptr && old != peer_) leave(*old);
    return {};
}

void UnixSocket::disconnect() {
    const auto old = std::exchange(peer_, nullptr);
    if (old == nullptr) return;
    state_ = State::closed;
    leave(*old);
}

// unix_dgram_disconnected(): what it sent is of no use any more. Who is still connected to us hears of it.
void UnixSocket::leave(UnixSocket& old_peer) {
    if (queue_.empty()) return;
    const auto lost = std::exchange(queue_, {});
    tell_of_room();
    if (old_peer.is_dead_ || old_peer.peer_.get() != this) return;
    old_peer.error_ = Errno::econnreset;
    old_peer.changed_.wake_all(POLLERR);
}

Result<std::shared_ptr<UnixSocket>> UnixSocket::accept(System& system, const Patience& patience) {
    if (!has_connections()) return fail(Errno::eopnotsupp);
    if (state_ != State::listening) return fail(Errno::einval);
    while (backlog_.empty()) {
        if (const auto error = take_error()) return fail(*error);
        if (receive_shut_) return fail(patience.waits() ? Errno::einval : Errno::eagain);
        if (auto waited = patience.wait(system, changed_); !waited) return fail(waited.error());
    }
    auto accepted = std::move(backlog_.front());
    backlog_.pop_front();
    tell_of_room();
    return accepted;
}

void UnixSocket::shut_down(bool receiving, bool sending) {
    receive_shut_ = receive_shut_ || receiving;
    send_shut_ = send_shut_ || sending;
    if (peer_ != nullptr && has_connections()) {
        peer_->send_shut_ = peer_->send_shut_ || receiving;
        peer_->receive_shut_ = peer_->receive_shut_ || sending;
        peer_->changed_.wake_all();
    }
    changed_.wake_all();
}

// unix_release_sock(). Those that nobody accepted are as if they had been closed.
void UnixSocket::release(Waiting waiting) {
    all_.forget_name(*this);
    if (const auto inode = inode_.lock()) inode->bound_socket.reset();
    const State before = std::exchange(state_, State::closed);
    receive_shut_ = send_shut_ = is_dead_ = true;
    tell_of_room();
    if (const auto other = std::exchange(peer_, nullptr); other != nullptr && has_connections()) {
        other->receive_shut_ = other->send_shut_ = true;
        if (!queue_.empty() || waiting == Waiting::to_be_accepted) other->error_ = Errno::econnreset;
        other->changed_.wake_all();
    }
    const auto lost = std::exchange(queue_, {});
    const auto not_accepted = std::exchange(backlog_, {});
    if (before != State::listening) return;
    for (const auto& other : not_accepted) other->release(Waiting::to_be_accepted);
}

void UnixSocket::give_up_messages(std::vector<std::shared_ptr<UnixMessage>>& to) {
    for (auto& message : std::exchange(queue_, {})) to.push_back(std::move(message));
    for (const auto& waiting : backlog_) waiting->give_up_messages(to);
}

}  // namespace fl::kernel
