// SocketDescription: a socket as an open file (Linux: struct socket, sockfs).
#pragma once

#include "kernel/net/unix_socket.hpp"
#include "kernel/vfs/pipe.hpp"

namespace fl::kernel {

class SocketDescription final : public NamelessDescription {
public:
    SocketDescription(int flags, NamelessFile file, UnixSockets& all, std::shared_ptr<UnixSocket> socket)
        : NamelessDescription(O_RDWR | flags, file), all_(all), socket_(std::move(socket)) {}
    SocketDescription(const SocketDescription&) = delete;
    SocketDescription& operator=(const SocketDescription&) = delete;
    ~SocketDescription() override;

    const std::shared_ptr<UnixSocket>& socket() const { return socket_; }
    bool is_nonblocking() const { return (flags() & O_NONBLOCK) != 0; }

    std::string path() const override;
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at) override;
    Result<std::uint64_t> control(System& system, std::uint64_t request, std::uint64_t argument) override;
    short ready_events() const override { return socket_->ready_events(); }
    std::vector<WaitQueue*> wait_queues() override { return {&socket_->changed()}; }

private:
    UnixSockets& all_;
    std::shared_ptr<UnixSocket> socket_;
};

// A description of `socket`; `flags`: O_NONBLOCK.
std::shared_ptr<SocketDescription> describe_socket(System& system, std::shared_ptr<UnixSocket> socket, int flags);

}  // namespace fl::kernel
