// UnixSockets: what all sockets of AF_UNIX share: abstract names, and the files that are in messages under way (Linux:
// net/unix/af_unix.c, net/unix/garbage.c).
//
// Sockets in messages to sockets in messages can hold each other for ever. collect() finds those that nobody can get at
// any more: all who hold them are messages, and the sockets these wait at are as unreachable.
#pragma once

#include "kernel/net/unix_message.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fl::kernel {

class UnixSockets {
public:
    // All files in flight together, so that they cannot fill the host's memory.
    static constexpr std::uint64_t max_in_flight = 1 << 16;

    UnixSockets() = default;
    UnixSockets(const UnixSockets&) = delete;
    UnixSockets& operator=(const UnixSockets&) = delete;
    ~UnixSockets() { collect(); }

    std::uint64_t next_serial() { return ++last_serial_; }

    // bind(2). EADDRINUSE, EINVAL where it has a name already, and what making the file of a path gives.
    Result<void> bind(System& system, const std::shared_ptr<UnixSocket>& socket, const UnixAddress& address);
    // A name that nobody has, unless it has one (unix_autobind).
    void bind_automatically(const std::shared_ptr<UnixSocket>& socket);
    // Who is bound to it. ECONNREFUSED, EPROTOTYPE, and what resolving a path gives.
    Result<std::shared_ptr<UnixSocket>> find(System& system, const UnixAddress& address, int type);
    void forget_name(const UnixSocket& socket);

    // Whether somebody may send files (too_many_unix_fds).
    bool has_room(const Task& task) const;
    void take_off(const PassedFiles& files, std::uint32_t uid);
    void land(const PassedFiles& files, std::uint32_t uid);
    // Files that nobody took; what is in them goes one by one, and not one inside of the other.
    void discard(PassedFiles files);
    // unix_gc()
    void collect();
    // Where something happened that may have left garbage behind: often enough for it not to grow, seldom enough for
    // the search to cost little.
    void collect_in_time();

private:
    struct InFlight {
        std::weak_ptr<FileDescription> file;
        UnixSocket* socket;
        long count;
    };
    using Name = std::pair<int, std::string>;  // of each type its own
    class Collection;

    std::map<Name, std::weak_ptr<UnixSocket>> names_;
    std::uint32_t last_automatic_ = 0;
    std::uint64_t last_serial_ = 0;
    std::map<std::uint64_t, InFlight> in_flight_;  // by the sockets' serial numbers
    std::map<std::uint32_t, std::uint64_t> in_flight_of_user_;
    std::uint64_t in_flight_count_ = 0;
    std::uint64_t since_collection_ = 0;
    PassedFiles discarded_;
    bool is_discarding_ = false, is_collecting_ = false;
};

}  // namespace fl::kernel
