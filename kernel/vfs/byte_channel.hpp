// ByteChannel: what is inside a pipe, first in, first out (Linux: struct pipe_inode_info). It is a ring of buffers of a
// page each: what is written goes behind what the last one holds where it fits whole, else into buffers of its own.
//
// Copying from and to programs may wait (userfaultfd): meanwhile the channel is locked, as Linux holds pipe->mutex.
//
// Invariants: there are no more buffers than slots, and none is empty; for each a page of RAM is charged.
#pragma once

#include "kernel/user_segments.hpp"
#include "kernel/wait_queue.hpp"
#include "mm/kernel_memory.hpp"
#include "mm/slab/kernel_object.hpp"

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

    enum class Blocking : std::uint8_t { no, yes };
    enum class Framing : std::uint8_t {
        stream,
        packets,  // each buffer is read on its own, and what a read leaves of it is lost (O_DIRECT)
    };

    std::uint64_t size_bytes() const;
    std::uint64_t capacity() const { return slots_ * page_size; }
    bool is_empty() const { return buffers_.empty(); }
    bool is_full() const { return buffers_.size() >= slots_; }
    // F_SETPIPE_SZ; answers the capacity. EBUSY where more is inside, EPERM above max_capacity, EINVAL.
    Result<std::uint64_t> set_capacity(std::uint32_t bytes);

    void open_reader();
    void open_writer();
    void close_reader();
    void close_writer();
    bool has_readers() const { return readers_ > 0; }
    bool has_writers() const { return writers_ > 0; }
    // How many there ever were.
    std::uint64_t readers_ever() const { return readers_ever_; }
    std::uint64_t writers_ever() const { return writers_ever_; }

    // What is there, 0 once nobody writes any more. EAGAIN, EINTR, EFAULT.
    Result<std::uint64_t> read(System& system, UserSegments& into, Blocking blocking);
    // All of it where it may block. EPIPE without a signal, EAGAIN, EINTR, EFAULT, ENOMEM.
    Result<std::uint64_t> write(System& system, UserSegments& from, Blocking blocking, Framing framing);

    // For splice(2): until there is something to read (true) or nobody writes any more (false), and until there is
    // room. EAGAIN, EINTR; EPIPE without a signal. The channel is not locked then.
    Result<bool> wait_for_data(System& system, Blocking blocking);
    Result<void> wait_for_room(System& system, Blocking blocking);
    bool is_locked() const { return is_locked_; }
    // EINTR where the task is to end.
    Result<void> wait_until_unlocked(System& system);
    // The first bytes, which stay, buffer by buffer; as many as `into` takes.
    std::uint64_t peek(std::span<std::byte> into) const;
    // Not locked.
    void consume(std::uint64_t count);
    // What it takes of the machine's memory beside what it holds: a pipe_inode_info with room for 16 buffers, and
    // `more`. ENOMEM.
    Result<void> take_memory(mm::PhysicalMemory& memory, std::span<const mm::KernelObject> more = {});
    std::size_t buffer_count() const { return buffers_.size(); }
    std::uint64_t buffer_bytes(std::size_t index) const { return buffers_[index].left(); }
    Framing buffer_framing(std::size_t index) const { return buffers_[index].framing; }
    // A buffer of its own, of a page at most, that nothing is added to. Not full. ENOMEM.
    Result<void> push(const System& system, std::span<const std::byte> bytes, Framing framing = Framing::stream);

    // Woken when there is something to read, or when the first writer comes or the last one goes.
    WaitQueue& for_readers() { return for_readers_; }
    // Woken when there is room, or when the first reader comes or the last one goes.
    WaitQueue& for_writers() { return for_writers_; }

private:
    struct Buffer {
        std::vector<std::byte> bytes;
        std::size_t taken = 0;  // bytes of it that were read
        Framing framing = Framing::stream;
        bool takes_more = false;  // what is written goes behind it (PIPE_BUF_FLAG_CAN_MERGE)
        mm::KernelCharge charge{};
        std::size_t left() const { return bytes.size() - taken; }
    };
    // Holds the channel while it lives; it is free before.
    class Lock {
    public:
        explicit Lock(ByteChannel& channel);
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;
        ~Lock();

    private:
        ByteChannel& channel_;
    };
    std::uint64_t take(UserSegments& into);
    // A buffer of what comes next. EFAULT, ENOMEM.
    Result<void> append(const System& system, UserSegments& from, Framing framing);
    Result<bool> append_to_last(UserSegments& from, std::uint64_t& done);
    void drop_first();
    void wake_both();

    std::deque<Buffer> buffers_;
    std::vector<mm::SlabObject> objects_;
    std::size_t slots_ = default_capacity / page_size;
    unsigned readers_ = 0, writers_ = 0;
    std::uint64_t readers_ever_ = 0, writers_ever_ = 0;
    WaitQueue for_readers_, for_writers_;
    bool is_locked_ = false;
    WaitQueue unlocked_;
};

}  // namespace fl::kernel
