// UnixSocket: a socket of AF_UNIX (Linux: struct unix_sock, net/unix/af_unix.c). What is sent goes at once into the
// queue of the socket at the other end; what it costs there is charged to the sender until it is read.
//
// Invariants: a connected socket and its peer hold each other until either is released, as do a listening socket and
// those that wait to be accepted. A socket without an open file is released, or waits to be accepted.
#pragma once

#include "kernel/net/socket_options.hpp"
#include "kernel/net/unix_address.hpp"
#include "kernel/net/unix_message.hpp"
#include "kernel/user_segments.hpp"
#include "kernel/wait_queue.hpp"

#include <sys/socket.h>

#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace fl::kernel {

class Inode;
struct System;
class UnixSockets;

// How long a call waits: not at all, until a deadline, or for ever.
class Patience {
public:
    // `timeout_ns` nullopt: for ever.
    Patience(const System& system, bool waits, std::optional<std::uint64_t> timeout_ns);
    // Once, until `queue` is woken. EAGAIN when the time is up, EINTR, which leads to the call being made again only
    // where it would wait for ever.
    Result<void> wait(System& system, WaitQueue& queue) const;
    bool waits() const { return waits_; }

private:
    bool waits_;
    std::optional<std::uint64_t> deadline_ns_;
};

class UnixSocket : public std::enable_shared_from_this<UnixSocket> {
public:
    enum class State : std::uint8_t { closed, listening, connected };
    static constexpr std::uint32_t max_datagrams = 10;  // net.unix.max_dgram_qlen

    UnixSocket(UnixSockets& all, int type);
    UnixSocket(const UnixSocket&) = delete;
    UnixSocket& operator=(const UnixSocket&) = delete;

    int type() const { return type_; }  // SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET
    std::uint64_t serial() const { return serial_; }
    State state() const { return state_; }
    bool is_stream() const { return type_ == SOCK_STREAM; }
    bool has_connections() const { return type_ != SOCK_DGRAM; }
    const UnixAddress& address() const { return address_; }
    void set_address(UnixAddress address, const std::shared_ptr<Inode>& inode);
    const std::shared_ptr<UnixSocket>& peer() const { return peer_; }
    const UserCredentials& peer_credentials() const { return peer_credentials_; }
    SocketOptions& options() { return options_; }
    // SO_ERROR: what went wrong meanwhile, once.
    std::optional<Errno> take_error();
    void set_error(Errno error) { error_ = error; }

    short ready_events();
    WaitQueue& changed() { return changed_; }
    // SIOCINQ, SIOCOUTQ. EINVAL where it listens.
    Result<std::uint64_t> unread_bytes() const;
    std::uint64_t charged() const { return charged_; }

    // --- connections (unix_socket.cpp)
    void pair_with(UnixSocket& other, const UserCredentials& credentials);
    Result<void> listen(int backlog, const UserCredentials& credentials);
    Result<void> connect(System& system, const UnixAddress& address, const Patience& patience);
    // AF_UNSPEC to a datagram socket.
    void disconnect();
    Result<std::shared_ptr<UnixSocket>> accept(System& system, const Patience& patience);
    void shut_down(bool receiving, bool sending);
    // Its last open file is closed.
    void release() { release(Waiting::no); }

    // --- messages (unix_transfer.cpp)
    struct SendRequest {
        UserSegments& data;
        int flags = 0;  // MSG_DONTWAIT, MSG_NOSIGNAL, MSG_OOB
        std::optional<UnixAddress> to{};
        PassedFiles files{};
        std::optional<UserCredentials> credentials{};
    };
    Result<std::uint64_t> send(System& system, SendRequest request);
    struct Received {
        std::uint64_t size_bytes = 0;  // as the call answers it
        int flags = 0;                 // MSG_TRUNC
        std::optional<UnixAddress> from{};
        std::optional<UserCredentials> credentials{};
        PassedFiles files{};
    };
    // `flags`: MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL, MSG_TRUNC.
    Result<Received> receive(System& system, UserSegments& into, int flags);

    // --- for messages and their collection
    void charge(std::uint64_t bytes) { charged_ += bytes; }
    void discharge(std::uint64_t bytes);
    template <class Visit>
    void for_each_waiting_file(Visit&& visit) const {
        for (const auto& message : queue_) {
            for (const auto& file : message->files()) visit(file);
        }
        for (const auto& waiting : backlog_) waiting->for_each_waiting_file(visit);
    }
    void give_up_messages(std::vector<std::shared_ptr<UnixMessage>>& to);

private:
    enum class Waiting : std::uint8_t { no, to_be_accepted };
    void release(Waiting waiting);
    bool is_writable() const { return state_ != State::listening && charged_ * 4 <= options_.send_buffer_bytes; }
    bool is_full() const { return (has_connections() ? backlog_.size() : queue_.size()) > max_queue_; }
    bool seqpacket_full() const { return queue_.size() > max_queue_; }
    void tell_when_there_is_room(const std::shared_ptr<UnixSocket>& sender);
    void tell_of_room();
    bool may_send_to(const UnixSocket& other) const;
    Result<void> connect_stream(System& system, const UnixAddress& address, const Patience& patience);
    Result<void> connect_datagram(System& system, const UnixAddress& address);
    void leave(UnixSocket& old_peer);

    Result<void> wait_for_account(System& system, const Patience& patience);
    Result<std::shared_ptr<UnixMessage>> make_message(System& system, SendRequest& request, std::uint64_t size_bytes,
                                                      const UnixSocket* receiver);
    void deliver(std::shared_ptr<UnixMessage> message);
    Result<std::uint64_t> send_stream(System& system, SendRequest& request);
    Result<std::uint64_t> send_pieces(System& system, SendRequest& request, const std::shared_ptr<UnixSocket>& other,
                                      std::uint64_t& sent);
    Result<std::uint64_t> send_datagram(System& system, SendRequest& request);
    Result<std::shared_ptr<UnixSocket>> receiver_of(System& system, const SendRequest& request);
    Result<void> wait_until_takes(System& system, std::shared_ptr<UnixSocket>& other, const SendRequest& request,
                                  const Patience& patience);
    Result<Received> receive_datagram(System& system, UserSegments& into, int flags);
    Result<Received> receive_stream(System& system, UserSegments& into, int flags);
    Result<std::uint64_t> take_from(UserSegments& into, UnixMessage& message, int flags, Received& received);
    void drop_message(const std::shared_ptr<UnixMessage>& message);

    UnixSockets& all_;
    int type_;
    std::uint64_t serial_;
    State state_ = State::closed;
    bool receive_shut_ = false, send_shut_ = false, is_dead_ = false;
    std::optional<Errno> error_;
    UnixAddress address_;
    std::weak_ptr<Inode> inode_;
    std::shared_ptr<UnixSocket> peer_;
    UserCredentials peer_credentials_;
    SocketOptions options_;
    std::uint32_t max_queue_ = max_datagrams;
    std::uint64_t charged_ = 0;
    std::deque<std::shared_ptr<UnixMessage>> queue_;
    std::deque<std::shared_ptr<UnixSocket>> backlog_;
    // Who found no room here (peer_wait).
    std::vector<std::weak_ptr<UnixSocket>> wants_room_;
    WaitQueue changed_;
};

}  // namespace fl::kernel
