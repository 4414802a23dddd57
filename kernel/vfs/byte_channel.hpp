// ByteChannel: bytes on their way from writers to readers, first in, first out: what a pipe is, and each half of a pair
// of stream sockets (Linux: struct pipe_inode_info).
//
// Invariant: at most `capacity` bytes are inside.
#pragma once

#include "kernel/user_segments.hpp"
#include "kernel/wait_queue.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

namespace fl::kernel {

struct System;

class ByteChannel {
public:
    static constexpr std::uint64_t default_capacity = 65536;  // PIPE_DEF_BUFFERS pages
    static constexpr std::uint64_t max_capacity = 1 << 20;    // pipe_max_size
    static constexpr std::uint64_t atomic_bytes = 4096;       // PIPE_BUF: written as a whole or not at all

    enum class Blocking : std::uint8_t { no, yes };

    std::uint64_t size_bytes() const { return size_bytes_; }
    std::uint64_t capacity() const { return capacity_; }
    std::uint64_t room() const { return capacity_ - std::min(capacity_, size_bytes_); }
    // EBUSY where more is inside.
    Result<void> set_capacity(std::uint64_t bytes);

    void open_reader() { ++readers_; }
    void open_writer() { ++writers_; }
    void close_reader();
    void close_writer();
    bool has_readers() const { return readers_ > 0; }
    bool has_writers() const { return writers_ > 0; }

    // What is there, 0 once nobody writes any more. EAGAIN, EINTR, EFAULT.
    Result<std::uint64_t> read(System& system, UserSegments& into, Blocking blocking);
    // All of it where it may block. EPIPE without a signal, EAGAIN, EINTR, EFAULT.
    Result<std::uint64_t> write(System& system, UserSegments& from, Blocking blocking);

    // Woken when there is something to read, or nobody writes any more; and when there is room, or nobody reads.
    WaitQueue& changed() { return changed_; }

private:
    std::uint64_t take(UserSegments& into);
    std::uint64_t put(UserSegments& from, std::uint64_t most);

    std::deque<std::vector<std::byte>> chunks_;
    std::size_t first_taken_ = 0;  // bytes of the first chunk that were read
    std::uint64_t size_bytes_ = 0;
    std::uint64_t capacity_ = default_capacity;
    unsigned readers_ = 0, writers_ = 0;
    WaitQueue changed_;
};

}  // namespace fl::kernel
